"""What visitors of the explorer sign with their wallets, on the real contracts."""

import re
from unittest.mock import ANY

import pytest

from tests.e2e.browser import NEEDS_BROWSER, expect
from tests.e2e.market_driver import GREETING, wait_until
from wasmarket.app.file import load_app
from wasmarket.chain.contracts.views import OnchainStake
from wasmarket.kernel.documents.content_ids import app_cid
from wasmarket.kernel.regions import region_code
from wasmarket.kernel.traits import trait_mask
from wasmarket_cli.provider.peer_keys import load_peer_keys

FLT = 10**18

pytestmark = [pytest.mark.e2e, *NEEDS_BROWSER]


def read_usdc(text):
    """Return the base units of an amount as the page writes it."""
    whole, part = re.fullmatch(r"([\d,]+)\.(\d+) USDC", text).groups()
    return int(whole.replace(",", "") + part.ljust(6, "0"))


def change_of(shown, what):
    before, after = map(read_usdc, shown[what])
    return after - before


def read_free(market, address):
    """Return an account's free balance, from the contract."""
    return int(market.wiring.lens.read("free", address))


@pytest.fixture
def developer(market, visitor):
    """The name of a new account with test tokens, whose wallet is in the visitor's browser."""
    name = market.new_account("visitor")
    visitor.take_wallet(name)
    return name


@pytest.fixture
def own_deal(market, developer):
    """A deal of the visitor's, on two peers."""
    client, app = market.client(developer), load_app(GREETING)
    client.publish(app)
    wanted = market.requirement(units=2, max_units_per_provider=1, deposit=500_000)
    deal = market.deal_of(client.offer(wanted, app.app).hash)
    wait_until("both run", lambda: market.states(deal) == {"active"})
    return deal


def test_deal__its_developers_wallet__does_with_it_what_a_developer_can(
    visitor, market, developer, own_deal
):
    balance = f"Balance of deal {own_deal}"
    visitor.open(f"/deals/{own_deal}")
    visitor.connect()

    topped = visitor.act("Top up", Amount="1.25")
    assert change_of(topped, balance) == 1_250_000
    assert change_of(topped, "Your wallet") == -1_250_000
    tile = visitor.page.locator(".tile").filter(has_text="Balance")
    expect(tile).to_contain_text(topped[balance][1])

    taken = visitor.act("Take", Amount="0.5")
    assert change_of(taken, balance) == -500_000
    assert change_of(taken, "Your free balance") == 500_000

    peer = str(market.client().deal(own_deal)["assignments"][0]["peer"])
    market.call(own_deal, "greeting/greeting", ["Ada"], {"Wasmarket-Peer": peer})
    visitor.page.get_by_role("button", name="Sign and show logs").click()
    expect(visitor.page.get_by_text("greeting Ada")).to_be_visible()
    visitor.page.get_by_role("button", name="Sign and show calls").click()
    calls = visitor.page.locator(".tile").filter(has_text="since the peer started")
    expect(calls.locator(".figure")).to_have_text("1")

    visitor.start("Drop").get_by_role("checkbox").first.check()
    assert visitor.sign("Drop")["Units"] == ("2", "1")

    visitor.start("Access").get_by_role("combobox").select_option("signers")
    visitor.act("Access", Accounts=visitor.address)
    assert market.call(own_deal, "greeting/greeting", ["World"]).status_code == 401

    rate = int(market.client().deal(own_deal)["rate"])
    stopped = visitor.act("Stop")
    expect(visitor.page.locator("h1")).to_contain_text("Stopping")
    free = read_free(market, visitor.address)
    # An epoch may begin between the look and the block.
    assert read_usdc(stopped["Your free balance"][1]) - free in (0, rate)


def test_account__its_wallet__deposits_asks_for_units_cancels_and_withdraws(
    visitor, market, developer
):
    cid = str(app_cid(load_app(GREETING).app))
    visitor.open(f"/accounts/{visitor.address}")
    visitor.connect()

    assert change_of(visitor.act("Deposit", Amount="3"), "Your free balance") == 3_000_000
    # Nobody sells at this price, so that it stays an offer until it is cancelled.
    asked = visitor.act("Ask for units", App=cid, Most="0.000001", Deposit="1")
    assert change_of(asked, "Balance of the new deal") == 1_000_000
    [offer] = market.client(developer).matcher.items(
        f"/v1/developer-offers?developer={visitor.address}"
    )
    assert (offer["offer"]["max_price"], offer["offer"]["deposit"]) == ("1", "1000000")

    visitor.page.locator(f"a[href$='{offer['hash']}']").first.click()
    visitor.act("Cancel")
    state = visitor.page.locator("h1 .state")
    expect(state).to_have_text("Cancelled")

    visitor.page.get_by_role("link", name="Account", exact=True).click()
    assert change_of(visitor.act("Withdraw", Amount="2.5"), "Your wallet") == 2_500_000
    assert read_free(market, visitor.address) == 500_000


def test_account__provider__sells_units_and_claims_what_they_earned(visitor, market):
    deal = market.deploy(only="beta")
    for _ in range(3):
        market.next_epoch()
    market.run("stop", deal, "--yes")
    visitor.take_wallet("beta")
    visitor.open(f"/accounts/{visitor.address}")
    visitor.connect()
    before = read_free(market, visitor.address)

    claimed = visitor.act("Claim")
    earned = change_of(claimed, "Your free balance")
    assert earned == change_of(claimed, "Goes to providers") > 0
    assert read_free(market, visitor.address) == before + earned

    # Dearer than what the peer sells for already, so that others' deals cost what they did.
    visitor.act("Offer units", Price="0.5")
    offers = market.client().matcher.items(f"/v1/provider-offers?provider={visitor.address}")
    [sold] = [entry for entry in offers if entry["offer"]["price"] == "500000"]
    assert sold["status"] == "posted"


def flt_of(text):
    return int(text.removesuffix(" FLT").replace(",", ""))


def test_account__its_wallet__stakes_registers_a_peer_resizes_it_and_unstakes(
    visitor, market, provider
):
    key, wallet = load_peer_keys(market.wiring, f"browser-{provider}")
    visitor.take_wallet(provider)
    visitor.open(f"/accounts/{visitor.address}")
    visitor.connect()

    def read_stake():
        return market.wiring.staking.stake(visitor.address)

    staked = visitor.act("Stake", Amount="50")
    assert [flt_of(text) for text in staked["Free stake"]] == [0, 50]
    assert read_stake().free == 50 * FLT

    bond = market.wiring.deployment.parameters.bond_per_unit // FLT
    registered = visitor.act(
        "Register a peer",
        Key=key,
        Wallet=wallet.address,
        Units="2",
        Memory="64",
        Country="de",
        Traits="kv, http",
        Endpoint="http://127.0.0.1:9/",
    )
    assert [flt_of(text) for text in registered["Bonded stake"]] == [0, 2 * bond]
    assert registered["Units for sale"] == ("0", "2")
    # What the free stake lacked came from the wallet.
    assert flt_of(registered["Free stake"][1]) == 0
    held_before, held = map(flt_of, registered["Your wallet"])
    assert held_before - held == 2 * bond - 50
    [peer] = market.client().matcher.items(f"/v1/peers?provider={visitor.address}")
    assert (peer["key"], peer["wallet"], peer["endpoint"]) == (
        key,
        wallet.address,
        "http://127.0.0.1:9",
    )
    assert (region_code(peer["region"]), int(peer["traits"])) == ("DE", trait_mask(["http", "kv"]))
    expect(visitor.page.locator(".tile").filter(has_text="Bonded")).to_contain_text(
        registered["Bonded stake"][1]
    )

    resized = visitor.act("Change units", Units="1")
    assert [flt_of(text) for text in resized["Leaving stake"]] == [0, bond]
    before = flt_of(visitor.act("Stake", Amount="7")["Free stake"][1])
    left = visitor.act("Unstake", Amount="7")
    assert [flt_of(text) for text in left["Free stake"]] == [before, before - 7]
    dialog = visitor.start("Withdraw stake")
    dialog.get_by_role("button", name="Show what it changes").click()
    expect(dialog.get_by_role("alert")).to_contain_text("can be withdrawn from")
    assert visitor.find_barriers() == []
    dialog.get_by_role("button", name="Close").click()
    assert read_stake() == OnchainStake(
        free=(before - 7) * FLT, locked=bond * FLT, leaving=(bond + 7) * FLT, ready=ANY
    )


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("Key", "0x12", "64 hex digits"),
        ("Country", "Germany", "two letters"),
        ("Traits", "speed", "names such as"),
        ("Endpoint", "ftp://peer.example", "is a URL"),
        ("Endpoint", "https://me@peer.example", "is a URL"),
        ("Units", "0", "from 1 to"),
    ],
)
def test_register__what_is_no_machine__is_refused_before_anything_is_signed(
    visitor, market, provider, field, text, told
):
    good = {
        "Key": "0x" + "ab" * 32,
        "Wallet": "0x" + "11" * 20,
        "Country": "DE",
        "Endpoint": "https://peer.example",
    }
    visitor.take_wallet(provider)
    visitor.open(f"/accounts/{visitor.address}")
    visitor.connect()
    dialog = visitor.start("Register a peer")
    for label, value in (good | {field: text}).items():
        dialog.get_by_role("textbox", name=re.compile(f"^{label}")).fill(value)

    dialog.get_by_role("button", name="Show what it changes").click()

    expect(dialog.get_by_role("alert")).to_contain_text(told)


def test_action__refused_by_wallet_or_chain__says_why_and_changes_nothing(
    visitor, market, developer, deal
):
    visitor.open(f"/deals/{deal}")
    visitor.connect()
    dialog = visitor.start("Top up")
    dialog.get_by_role("textbox").fill("99999999")
    dialog.get_by_role("button", name="Show what it changes").click()

    expect(dialog.get_by_role("alert")).to_contain_text("do not hold so much")
    # It is somebody else's deal: what only its developer may do is not offered.
    assert visitor.page.get_by_role("button", name="Stop", exact=True).count() == 0

    dialog.get_by_role("textbox").fill("1.0000001")
    dialog.get_by_role("button", name="Show what it changes").click()
    expect(dialog.get_by_role("alert")).to_contain_text("at most six decimals")
