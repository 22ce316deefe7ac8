"""Deliveries by the real sender on a real chain: once each, whatever happens on the way."""

import os

import pytest

from tests.matcher.anvil_town import deploy
from tests.payments.anvil_shop import TREASURY, AnvilShop, TreasuryChain
from tests.payments.shop import BOUGHT
from tests.payments.treasury_node import Crash
from tests.wasmarket.store.stores import copy_store
from wasmarket.chain.contracts.bindings import Faucet
from wasmarket.chain.development.anvil import Anvil
from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.sending import waiting
from wasmarket.chain.sending.transactions import ContractCall
from wasmarket.chain.sending.wallet import Account
from wasmarket.kernel.errors import TimedOut
from wasmarket.store.enums import CheckoutState, DeliveryState, Purpose
from wasmarket.store.payments.deliveries import fetch_live_attempts

pytestmark = pytest.mark.anvil

ELSEWHERE = dev_accounts()[2].address


@pytest.fixture(scope="module")
def chain():
    with Anvil.start() as anvil:
        deployment = deploy(anvil)
        found = TreasuryChain(anvil, deployment)
        faucet = Faucet(anvil.rpc, deployment)
        found.sender().send(faucet.call("drip", TREASURY.address))
        yield found


@pytest.fixture
def shop(chain, payments_template, tmp_path):
    database = copy_store(payments_template, tmp_path / "store.sqlite")
    chain.patience, chain.bump_after = 20.0, 20.0
    chain.anvil.cheats.set_automine(True)
    shop = AnvilShop(database, tmp_path, node=chain)
    yield shop
    chain.anvil.cheats.set_automine(True)
    shop.close()
    database.close()


@pytest.fixture
def buyer():
    return Account.from_key(os.urandom(32)).address


def pay_for(shop, buyer):
    checkout = shop.open(purpose=Purpose.ACCOUNT, account=buyer)
    shop.pay(checkout)
    shop.tell()
    shop.look()
    return checkout


def finish(shop, checkout):
    """Let blocks and turns pass until a delivery is final."""
    for _ in range(12):
        shop.mine()
        shop.now += 60
        shop.look()
        shop.deliver()
        if shop.delivery(checkout).state is DeliveryState.FINAL:
            return
    raise AssertionError(shop.delivery(checkout))


def test_delivery__paid__is_there_and_final_some_blocks_later(shop, buyer):
    checkout = pay_for(shop, buyer)

    shop.deliver()

    assert shop.held_by(buyer) == BOUGHT
    assert shop.read(checkout).state is CheckoutState.DELIVERED
    assert shop.delivery(checkout).gas_cost > 0
    finish(shop, checkout)
    assert shop.differences() == []


@pytest.mark.parametrize(("module", "name"), [(waiting, "broadcast"), (waiting, "look")])
def test_delivery__killed_before_or_after_the_broadcast__is_there_once(
    shop, buyer, monkeypatch, module, name
):
    checkout = pay_for(shop, buyer)

    def crash(*_):
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(module, name, crash)
        with pytest.raises(Crash):
            shop.deliver()
    assert shop.delivery(checkout).state is DeliveryState.SIGNED
    shop.kill()

    shop.deliver()

    assert shop.held_by(buyer) == BOUGHT
    finish(shop, checkout)
    assert shop.held_by(buyer) == BOUGHT
    assert shop.differences() == []


def test_delivery__whose_blocks_were_undone__is_there_once(shop, buyer):
    checkout = pay_for(shop, buyer)
    shop.deliver()
    shop.mine()
    shop.node.anvil.cheats.reorg(2)
    assert shop.held_by(buyer) == 0

    shop.deliver()

    assert shop.held_by(buyer) == BOUGHT
    finish(shop, checkout)
    assert shop.held_by(buyer) == BOUGHT
    assert shop.differences() == []


def test_delivery__replaced_by_fee__is_there_once(shop, buyer):
    shop.node.anvil.cheats.set_automine(False)
    shop.node.patience, shop.node.bump_after = 1.5, 0.1
    shop.kill()
    checkout = pay_for(shop, buyer)

    assert isinstance(shop.deliver(), TimedOut)

    with shop.database.read() as session:
        attempts = fetch_live_attempts(session, shop.delivery(checkout).id)
    assert len(attempts) > 1
    assert len({attempt.nonce for attempt in attempts}) == 1
    shop.mine()
    finish(shop, checkout)
    assert shop.held_by(buyer) == BOUGHT
    assert shop.differences() == []


def test_delivery__whose_nonce_another_program_took__is_there_once_when_that_is_deep(
    shop, buyer, monkeypatch
):
    shop.node.patience = 0.3
    shop.kill()
    checkout = pay_for(shop, buyer)
    with monkeypatch.context() as patch:
        patch.setattr(waiting, "broadcast", lambda *_: "")
        shop.deliver()
    shop.node.sender().send(ContractCall(ELSEWHERE, b"", "another program's", 1))
    shop.node.patience = 20.0
    shop.kill()

    shop.deliver()

    assert shop.delivery(checkout).state is DeliveryState.SIGNED
    assert shop.held_by(buyer) == 0
    finish(shop, checkout)
    assert shop.held_by(buyer) == BOUGHT
    assert shop.differences() == []


def test_delivery__that_would_be_refused_now__uses_up_its_nonce_and_begins_anew(
    shop, buyer, monkeypatch
):
    shop.node.patience = 0.3
    shop.kill()
    checkout = pay_for(shop, buyer)
    with monkeypatch.context() as patch:
        patch.setattr(waiting, "broadcast", lambda *_: "")
        shop.deliver()
    held = shop.held_by(TREASURY.address)
    set_treasury(shop, 0)
    shop.node.patience = 20.0
    shop.kill()

    for _ in range(6):
        shop.deliver()
        shop.mine(2)
        shop.now += 60
        shop.look()

    assert shop.held_by(buyer) == 0
    assert "too little USDC" in shop.delivery(checkout).reason
    set_treasury(shop, held)
    finish(shop, checkout)
    assert shop.held_by(buyer) == BOUGHT
    assert shop.differences() == []


def set_treasury(shop, amount):
    """Give the treasury so much USDC, without a transaction of its own."""
    where = [TREASURY.address, shop.node.usdc.address, hex(amount)]
    shop.node.anvil.rpc.request("anvil_dealERC20", where)
