"""Deployment from package data: complete, checked, and resumed after an interruption."""

import json
from dataclasses import asdict, replace

import httpx
import pytest

from tests.wasmarket.chain.middleman import Middleman, error
from wasmarket.chain.contracts.bindings import Market, Proofs
from wasmarket.chain.deploying.deployer import (
    AccountSigner,
    Deployer,
    DeployFailed,
    is_live,
)
from wasmarket.chain.deploying.plan import LOCAL, build_plan
from wasmarket.chain.development.anvil import Anvil
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.chain.reading.web3_provider import open_web3
from wasmarket.client.deployment_files import read_deployment

pytestmark = pytest.mark.anvil

OWNER = dev_accounts()[0]


class Interrupted(Exception):
    """The machine went down."""


@pytest.fixture
def anvil():
    with Anvil.start() as anvil:
        yield anvil


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deployments" / "31337.json"


def deploy(anvil, path, parameters=LOCAL, on_created=lambda _: None):
    deployer = Deployer(open_web3(anvil.rpc), AccountSigner(OWNER), on_created=on_created)
    return deployer.deploy(path, parameters, name="local")


def test_deploy__empty_chain__writes_a_file_that_the_chain_agrees_with(anvil, path):
    parameters = replace(LOCAL, epoch_seconds=120, max_missed=5, leaving_delay=13 * 120)

    deployment = deploy(anvil, path, parameters)

    assert read_deployment(path) == deployment
    anvil.rpc.check_deployment(deployment)
    assert deployment.block == 1
    assert (deployment.usdc.decimals, deployment.flt.decimals) == (6, 18)
    assert Market(anvil.rpc, deployment).read("MAX_MISSED") == 5
    assert not list(path.parent.glob("*.begun"))


@pytest.mark.parametrize("last", ["TestUSDC", "Proofs", "Market", "Faucet"])
def test_deploy__interrupted_and_repeated__goes_on_with_the_same_contracts(anvil, path, last):
    def interrupt(creation):
        if creation.name == last:
            raise Interrupted

    with pytest.raises(Interrupted):
        deploy(anvil, path, on_created=interrupt)
    assert not path.exists()
    created = []

    deployment = deploy(anvil, path, on_created=lambda creation: created.append(creation.address))

    assert list(created) == [c.address for c in build_plan(OWNER.address, 0, LOCAL).creations]
    assert deployment.block == 1
    assert anvil.rpc.fetch_nonce(OWNER.address) == len(created)


def test_deploy__its_transaction_waits_in_the_pool__is_waited_for_and_not_sent_twice(path):
    with Anvil.start(block_time=1) as anvil:
        deployment = deploy(anvil, path)

        assert anvil.rpc.fetch_nonce(OWNER.address) == len(deployment.contracts)


def test_deploy__chain_is_new_but_an_attempt_is_on_file__begins_again(anvil, path):
    path.parent.mkdir()
    known = {"chain_id": 31337, "deployer": OWNER.address, "nonce": 40, "block": 90}
    known["parameters"] = asdict(LOCAL)
    path.with_name("31337.json.begun").write_text(json.dumps(known))

    assert deploy(anvil, path).block == 1


def interrupt_at_proofs(creation):
    if creation.name == "Proofs":
        raise Interrupted


def test_deploy__begun_with_other_parameters__begins_again(anvil, path):
    with pytest.raises(Interrupted):
        deploy(anvil, path, on_created=interrupt_at_proofs)

    deployment = deploy(anvil, path, replace(LOCAL, epoch_seconds=90, leaving_delay=13 * 90))

    assert Proofs(anvil.rpc, deployment).read("EPOCH_SECONDS") == 90


def test_deploy__account_sent_something_between__says_so_once_and_then_begins_again(anvil, path):
    with pytest.raises(Interrupted):
        deploy(anvil, path, on_created=interrupt_at_proofs)
    anvil.rpc.request("eth_sendTransaction", [{"from": OWNER.address, "to": OWNER.address}])

    with pytest.raises(DeployFailed, match=r"nonce 4 .* went to another transaction"):
        deploy(anvil, path)

    assert not path.exists()
    assert is_live(open_web3(anvil.rpc), deploy(anvil, path))


def test_deploy__no_coins__says_so(anvil, path):
    anvil.cheats.set_balance(OWNER.address, 0)

    with pytest.raises(DeployFailed, match=r"(?i)funds"):
        deploy(anvil, path)


def test_is_live__another_chain__says_no(anvil, path):
    deployment = deploy(anvil, path)

    assert is_live(open_web3(anvil.rpc), deployment)
    with Anvil.start() as other:
        assert not is_live(open_web3(other.rpc), deployment)


def test_deploy__node_passes_contracts_on_and_answers_with_trouble__each_is_created_once(
    anvil, path
):
    middleman = Middleman()
    middleman.after["eth_sendRawTransaction"] = [
        httpx.Response(504),
        httpx.RemoteProtocolError("closed"),
        error("AlreadyKnown"),
        error("nonce too low"),
    ]
    with Rpc(anvil.url, transport=middleman, sleep=lambda _: None) as rpc:
        deployment = Deployer(open_web3(rpc), AccountSigner(OWNER)).deploy(
            path, LOCAL, name="local"
        )

    assert is_live(open_web3(anvil.rpc), deployment)
    assert anvil.rpc.fetch_nonce(OWNER.address) == middleman.sent.count("eth_sendRawTransaction")
