"""Deployment: parameters are checked once, and read back as they were given."""

import ape
import pytest

from tests.model.terms import ZERO

pytestmark = pytest.mark.anvil

GOOD = {
    "epoch_seconds": 10,
    "accept_seconds": 1,
    "max_missed": 1,
    "proof_window": 1,
    "bond_per_unit": 5,
    "fault_fee": 5,
    "accept_blocks": 1,
}
AUDITS = {
    "epoch_seconds": 100,
    "phase_blocks": 1,
    "ask_fee": 1,
    "stake": 1,
    "juror_fee": 1,
    "seat": 5,
    "min_seats": 7,
    "share_cap": 1,
}


def deploy_market(world, token=None, **changes):
    somewhere = world.contracts["staking"].address
    usdc = token or world.contracts["usdc"].address
    told = (GOOD | changes).values()
    return world.chain.deploy("Market", usdc, somewhere, somewhere, *told, somewhere, somewhere)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"max_missed": 1_023},
        {"proof_window": 1_023},
        {"fault_fee": 0},
        {"bond_per_unit": 2**100},
    ],
)
def test_deploy_market__parameters_at_their_limits__are_accepted(world, changes):
    market = deploy_market(world, **changes)

    assert world.chain.read([(market, "PROOF_WINDOW", ())]) == [changes.get("proof_window", 1)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"epoch_seconds": 9}, "epochs: too short"),
        ({"epoch_seconds": 0}, "epochs: too short"),
        ({"proof_window": 0}, "epochs: no proof window"),
        ({"accept_seconds": 0}, "proving: no time to accept"),
        ({"max_missed": 0}, "proving: no missed epoch"),
        ({"max_missed": 1_024}, "proving: window too long"),
        ({"proof_window": 1_024}, "proving: window too long"),
        ({"fault_fee": 6}, "peers: fee above bond"),
        ({"bond_per_unit": 2**112}, "peers: bond too large"),
    ],
)
def test_deploy_market__parameter_out_of_range__reverts(world, changes, reason):
    with ape.reverts(reason):
        deploy_market(world, **changes)


def test_deploy_market__token_without_6_decimals__reverts(world):
    with ape.reverts("ledger: not 6 decimals"):
        deploy_market(world, token=world.contracts["flt"].address)


def test_deploy_staking__no_market__reverts(world):
    with ape.reverts("staking: no market"):
        world.chain.deploy("Staking", world.contracts["flt"].address, ZERO, 180)


def test_deploy_staking__no_delay__reverts(world):
    flt, market = world.contracts["flt"].address, world.contracts["market"].address

    with ape.reverts("staking: no delay"):
        world.chain.deploy("Staking", flt, market, 0)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [((9, 1), "epochs: too short"), ((10, 0), "epochs: no proof window")],
)
def test_deploy_proofs__parameter_out_of_range__reverts(world, parameters, reason):
    with ape.reverts(reason):
        world.chain.deploy("Proofs", world.contracts["market"].address, *parameters)


def test_deploy__all__name_each_other_and_agree(world):
    place = {name: contract.address for name, contract in world.contracts.items()}
    rules = world.parameters
    expected = {
        ("market", "TOKEN"): place["usdc"],
        ("market", "BONDS"): place["staking"],
        ("market", "PROOFS"): place["proofs"],
        ("market", "EPOCH_SECONDS"): rules.epoch_seconds,
        ("market", "ACCEPT_SECONDS"): rules.accept_seconds,
        ("market", "MAX_MISSED"): rules.max_missed,
        ("market", "PROOF_WINDOW"): rules.proof_window,
        ("market", "BOND_PER_UNIT"): rules.bond_per_unit,
        ("market", "FAULT_FEE"): rules.fault_fee,
        ("market", "ACCEPT_BLOCKS"): rules.accept_blocks,
        ("market", "METER"): place["meter"],
        ("market", "AUDITS"): place["audits"],
        ("meter", "MARKET"): place["market"],
        ("audits", "MARKET"): place["market"],
        ("audits", "PROOFS"): place["proofs"],
        ("audits", "TOKEN"): place["flt"],
        ("audits", "EPOCH_SECONDS"): rules.epoch_seconds,
        ("audits", "PHASE_BLOCKS"): rules.phase_blocks,
        ("audits", "ASK_FEE"): rules.ask_fee,
        ("audits", "STAKE"): rules.stake,
        ("audits", "JUROR_FEE"): rules.juror_fee,
        ("audits", "SEAT"): rules.seat,
        ("audits", "MIN_SEATS"): rules.min_seats,
        ("audits", "SHARE_CAP"): rules.share_cap,
        ("staking", "TOKEN"): place["flt"],
        ("staking", "MARKET"): place["market"],
        ("staking", "DELAY"): rules.leaving_delay,
        ("proofs", "MARKET"): place["market"],
        ("proofs", "EPOCH_SECONDS"): rules.epoch_seconds,
        ("proofs", "WINDOW"): rules.proof_window,
        ("lens", "MARKET"): place["market"],
    }
    assert {key: world.view(*key) for key in expected} == expected


@pytest.mark.parametrize(
    ("window", "delay", "changes", "reason"),
    [
        (3, 1_300, {}, None),
        (4, 1_300, {}, "audits: window too long"),
        (3, 1_299, {}, "audits: stake leaves too soon"),
        (1, 1_300, {"min_seats": 6}, "audits: too few seats"),
        (1, 1_300, {"epoch_seconds": 9}, "epochs: too short"),
    ],
)
def test_deploy_audits__cases_must_fit_into_the_times_of_the_others(
    world, window, delay, changes, reason
):
    chain, market = world.chain, world.contracts["market"].address
    staking = chain.deploy("Staking", world.contracts["flt"].address, market, delay)
    proofs = chain.deploy("Proofs", market, 100, window)
    told = (market, proofs.address, staking.address, *(AUDITS | changes).values())

    if reason is None:
        chain.deploy("Audits", *told)
    else:
        with ape.reverts(reason):
            chain.deploy("Audits", *told)


@pytest.mark.parametrize("name", ["market", "staking", "proofs", "meter", "audits", "lens"])
def test_deploy__code_size__is_under_the_limit(world, name):
    code = world.chain.code_at(world.contracts[name].address)
    assert len(code) <= 24_576
