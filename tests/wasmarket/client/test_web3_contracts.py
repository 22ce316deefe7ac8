"""web3 and our own bindings read and write the same; each signed call goes out once."""

import json
import subprocess
import sys

import httpx
import pytest
from web3.exceptions import ContractLogicError
from web3.logs import DISCARD

from tests.matcher.anvil_town import AnvilTown, deploy
from tests.wasmarket.chain.middleman import Middleman, error
from wasmarket.chain.development.anvil import Anvil
from wasmarket.chain.reading.rpc import Rpc
from wasmarket.client.contracts import MarketContracts
from wasmarket.kernel.errors import Reverted, Unreachable
from wasmarket.kernel.events import Deposited
from wasmarket.kernel.units import USDC

pytestmark = pytest.mark.anvil


@pytest.fixture(scope="module")
def town():
    with Anvil.start() as anvil:
        town = AnvilTown(anvil, deploy(anvil))
        town.settle_in()
        yield town


@pytest.fixture(scope="module")
def contracts(town):
    return MarketContracts(town.rpc, town.deployment)


def test_views__read_by_both__are_the_same(town, contracts):
    provider = town.provider.address
    now = town.rpc.fetch_head()

    theirs = contracts.lens.functions.peer(1).call()
    [ours] = town.lens.peers([1])

    assert theirs[0] == ours.provider
    assert tuple(theirs[1:5]) == (ours.units, ours.used, ours.memory_mib, ours.region)
    assert (
        contracts.staking.functions.locked(provider).call() == town.staking.stake(provider).locked
    )
    assert contracts.usdc.functions.balanceOf(provider).call() == town.usdc.balance(provider)
    assert contracts.flt.functions.balanceOf(provider).call() == town.flt.balance(provider)
    assert contracts.proofs.functions.is_proven(1, 5).call() == town.proofs.is_proven(1, 5)
    assert contracts.lens.functions.peer_count().call() == town.lens.read("peer_count")
    assert contracts.lens.functions.free(provider).call() == town.lens.read("free", provider)
    eth = contracts.web3.eth
    assert eth.chain_id == town.rpc.fetch_chain_id()
    assert eth.block_number == now.number
    assert eth.get_block("latest")["hash"].to_0x_hex() == now.hash
    assert eth.get_balance(provider) == town.rpc.fetch_balance(provider)
    assert eth.get_transaction_count(provider) == town.rpc.fetch_nonce(provider)
    assert eth.get_code(town.deployment.market) == town.rpc.fetch_code(town.deployment.market)
    assert eth.fee_history(1, "latest")["baseFeePerGas"][-1] > 0


def deposit_by_web3(contracts, account, amount):
    """Sign and send as a user of web3 does."""
    eth = contracts.web3.eth
    transaction = contracts.market.functions.deposit(amount).build_transaction(
        {"from": account.address, "nonce": eth.get_transaction_count(account.address)}
    )
    signed = eth.account.sign_transaction(transaction, account.key)
    return eth.wait_for_transaction_receipt(eth.send_raw_transaction(signed.raw_transaction))


def test_deposit__written_by_both__has_the_same_effect_and_events(town, contracts):
    developer = town.developer
    town.send(developer, town.usdc, "approve", town.deployment.market, 100 * USDC)
    before = town.market.account(developer.address).free

    receipt = town.sender(developer).send(town.market.call("deposit", 3 * USDC))
    theirs = deposit_by_web3(contracts, developer, 3 * USDC)

    assert town.market.account(developer.address).free == before + 6 * USDC
    [ours] = receipt.find(Deposited)
    [event] = contracts.market.events.Deposited().process_receipt(theirs, errors=DISCARD)
    assert event["args"]["account"] == ours.account == developer.address
    logs = contracts.market.events.Deposited().get_logs(from_block=receipt.block_number)
    assert [log["transactionHash"].to_0x_hex() for log in logs] == [
        receipt.tx_hash,
        theirs["transactionHash"].to_0x_hex(),
    ]


def test_refusal__by_both__has_the_contracts_reason(town, contracts):
    stranger = town.second.address
    with pytest.raises(ContractLogicError) as theirs:
        contracts.market.functions.withdraw(1, stranger).call({"from": stranger})
    with pytest.raises(Reverted) as ours:
        town.sender(town.second).send(town.market.call("withdraw", 1, stranger))

    assert ours.value.reason in str(theirs.value)
    assert ours.value.reason


def test_batch__of_web3__is_answered_by_a_node_that_takes_no_batches(town):
    middleman = Middleman()
    refuse = [httpx.Response(400, text="no batches")]

    class NoBatches(httpx.BaseTransport):
        def handle_request(self, request):
            if isinstance(json.loads(request.content), list):
                return refuse[0]
            return middleman.handle_request(request)

    with Rpc(town.anvil.url, transport=NoBatches()) as rpc:
        web3 = MarketContracts(rpc, town.deployment).web3
        with web3.batch_requests() as batch:
            for account in (town.developer, town.provider):
                batch.add(web3.eth.get_balance(account.address))
            answers = batch.execute()

    assert answers == [
        town.rpc.fetch_balance(account.address) for account in (town.developer, town.provider)
    ]


def test_send_raw_transaction__passed_on_and_answered_with_trouble__is_not_repeated(town):
    middleman = Middleman()
    with Rpc(town.anvil.url, transport=middleman, sleep=lambda _: None) as rpc:
        contracts = MarketContracts(rpc, town.deployment)
        town.send(town.provider, town.usdc, "approve", town.deployment.market, 1)
        middleman.after["eth_sendRawTransaction"] = [httpx.Response(504)]
        with pytest.raises(Unreachable):
            deposit_by_web3(contracts, town.provider, 1)

    assert middleman.sent.count("eth_sendRawTransaction") == 1
    assert town.market.account(town.provider.address).free == 1


def test_request__rate_limit_in_a_200__is_asked_again(town):
    middleman = Middleman()
    with Rpc(town.anvil.url, transport=middleman, sleep=lambda _: None) as rpc:
        middleman.instead["eth_blockNumber"] = [error("rate limit reached", -32005)] * 2

        number = MarketContracts(rpc, town.deployment).web3.eth.block_number

    assert number == town.rpc.fetch_block_number()


def test_import__of_the_client__does_not_import_web3():
    code = "import sys, wasmarket.client.wiring; print('web3' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "False"
