"""The test tokens and the faucet: what a developer on a test network relies on."""

import ape
import pytest
from eth_account import Account

from tests.contracts.driver.typed_data import Domain
from tests.model.terms import ZERO

pytestmark = pytest.mark.anvil

USDC, FLT, EVERY = 100 * 10**6, 1_000 * 10**18, 3_600


@pytest.fixture
def faucet(world):
    at = world.chain.next_address(2)
    usdc, flt = (world.chain.deploy(name, at) for name in ("TestUSDC", "TestFLT"))
    faucet = world.chain.deploy("Faucet", usdc.address, flt.address, USDC, FLT, EVERY)
    assert faucet.address == at
    return faucet.handle, usdc.handle, flt.handle


def act(world, method, *arguments, by):
    """Send a transaction through Ape at the time of the test."""
    world.chain.hold_clock()
    return method(*arguments, sender=world.chain.accounts[by])


def test_drip__first_time__mints_both_tokens(world, faucet, developer, stranger):
    contract, usdc, flt = faucet

    tx = act(world, contract.drip, developer, by=stranger)

    assert (usdc.balanceOf(developer), flt.balanceOf(developer)) == (USDC, FLT)
    assert tx.events.filter(contract.Dripped) == [
        contract.Dripped(to=developer, usdc=USDC, flt=FLT)
    ]


def test_drip__too_soon__reverts(world, faucet, developer, stranger):
    contract, usdc, _ = faucet
    act(world, contract.drip, developer, by=stranger)
    world.pass_seconds(EVERY - 1)

    with ape.reverts("faucet: too soon"):
        act(world, contract.drip, developer, by=developer)
    world.pass_seconds(1)
    act(world, contract.drip, developer, by=developer)
    act(world, contract.drip, stranger, by=developer)

    assert usdc.balanceOf(developer) == 2 * USDC


def test_token__names_and_decimals__are_told_apart(faucet):
    _, usdc, flt = faucet

    assert (usdc.name(), usdc.symbol(), usdc.decimals()) == ("Test USDC", "tUSDC", 6)
    assert (flt.name(), flt.symbol(), flt.decimals()) == ("Test FLT", "tFLT", 18)


def test_mint__not_the_faucet__reverts(world, faucet, owner):
    for token in faucet[1:]:
        with ape.reverts("erc20: not the minter"):
            act(world, token.mint, owner, 1, by=owner)


def test_transfer__within_the_balance__moves_and_logs(world, faucet, developer, stranger):
    contract, usdc, _ = faucet
    act(world, contract.drip, developer, by=stranger)

    tx = act(world, usdc.transfer, stranger, 5, by=developer)

    assert usdc.balanceOf(stranger) == 5
    assert usdc.totalSupply() == USDC
    assert tx.events == [usdc.Transfer(sender=developer, receiver=stranger, value=5)]


@pytest.mark.parametrize(
    ("to", "amount", "reason"),
    [("stranger", USDC + 1, "erc20: not enough balance"), (None, 1, "erc20: bad receiver")],
)
def test_transfer__not_possible__reverts(world, faucet, developer, to, amount, reason):
    contract, usdc, _ = faucet
    act(world, contract.drip, developer, by=developer)

    with ape.reverts(reason):
        act(world, usdc.transfer, world.roles[to] if to else ZERO, amount, by=developer)


def test_transfer_from__within_the_allowance__uses_it_up(world, faucet, developer, stranger):
    contract, usdc, _ = faucet
    act(world, contract.drip, developer, by=stranger)
    tx = act(world, usdc.approve, stranger, 7, by=developer)
    assert tx.events == [usdc.Approval(owner=developer, spender=stranger, value=7)]

    act(world, usdc.transferFrom, developer, stranger, 5, by=stranger)

    assert usdc.allowance(developer, stranger) == 2
    with ape.reverts("erc20: not enough allowance"):
        act(world, usdc.transferFrom, developer, stranger, 3, by=stranger)


def signed_permit(world, usdc, owner, spender, nonce=0, deadline=None, signer=None):
    domain = Domain("Test USDC", world.chain.chain_id, usdc.address)
    message = {
        "owner": owner,
        "spender": spender,
        "value": 9,
        "nonce": nonce,
        "deadline": world.now if deadline is None else deadline,
    }
    encoded = domain.encode("Permit", message)
    signed = Account.sign_message(encoded, world.chain.keys[signer or owner])
    rs = (part.to_bytes(32, "big") for part in (signed.r, signed.s))
    return (owner, spender, 9, message["deadline"], signed.v, *rs)


def test_permit__signed_by_the_owner__sets_the_allowance_once(world, faucet, developer, stranger):
    usdc = faucet[1]
    permit = signed_permit(world, usdc, developer, stranger)

    act(world, usdc.permit, *permit, by=stranger)

    assert usdc.allowance(developer, stranger) == 9
    assert usdc.nonces(developer) == 1
    with ape.reverts("permit: bad signature"):
        act(world, usdc.permit, *permit, by=stranger)


def test_permit__expired__reverts(world, faucet, developer, stranger):
    permit = signed_permit(world, faucet[1], developer, stranger, deadline=world.now - 1)

    with ape.reverts("permit: expired"):
        act(world, faucet[1].permit, *permit, by=stranger)


def test_permit__signed_by_another__reverts(world, faucet, developer, stranger):
    permit = signed_permit(world, faucet[1], developer, stranger, signer=stranger)

    with ape.reverts("permit: bad signature"):
        act(world, faucet[1].permit, *permit, by=stranger)


def test_permit__for_nobody__reverts(world, faucet, stranger):
    permit = signed_permit(world, faucet[1], ZERO, stranger, signer=stranger)

    with ape.reverts("permit: no owner"):
        act(world, faucet[1].permit, *permit, by=stranger)


def test_permit__second_root_of_the_signature__reverts(world, faucet, developer, stranger):
    *words, v, r, s = signed_permit(world, faucet[1], developer, stranger)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    other = (order - int.from_bytes(s, "big")).to_bytes(32, "big")

    with ape.reverts("permit: bad signature"):
        act(world, faucet[1].permit, *words, 55 - v, r, other, by=stranger)
