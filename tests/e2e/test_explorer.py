"""The explorer in a real browser: what it shows, that all can use it, and what it survives."""

import subprocess

import pytest

from tests.e2e.browser import NEEDS_BROWSER, PHONE, WANTS_PICTURES, expect
from tests.e2e.market_driver import WAIT_SECONDS
from tests.paths import CHECKOUT
from wasmarket.client.provider import PeerCapacity
from wasmarket.serving.explorer.files import load_site
from wasmarket_cli.provider.peer_keys import load_peer_keys

pytestmark = [pytest.mark.e2e, *NEEDS_BROWSER]
BUNDLER = CHECKOUT / "explorer" / "node_modules" / ".bin" / "esbuild"
COLOURFUL = ("/", "/deals/{deal}", "/matches/{match}")
"""Pages that together have every colour."""
FIRST_VIEW_BYTES = 250_000
HOSTILE = "http://127.0.0.1:9/<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def seen(market, deal):
    """What pages are about: a deal that was called, with an epoch behind it."""
    assert market.call(deal, "greeting/greeting", ["World"]).status_code == 200
    if WANTS_PICTURES:
        for more in ({"only": "beta"}, {"units": 3}, {"units": 8, "max_units_per_provider": 5}):
            market.deploy(**more)
            for _ in range(3):
                market.next_epoch()
    epoch = market.next_epoch() - 1
    offer = market.client().deal(deal)["offer"]
    return {
        "deal": deal,
        # Its amounts are as wide as they come.
        "rich": market.deploy(deposit=1_234_567_891),
        "epoch": epoch,
        "offer": offer,
        "provider": market.address("alpha"),
        "match": market.client().matcher.get(f"/v1/deals/{deal}/matches")["items"][0]["id"],
    }


def test_what_the_page_computes__is_what_the_vectors_say():
    bundled = subprocess.run(
        [BUNDLER, "tests/vectors.ts", "--bundle", "--format=esm", "--loader:.csv=text"],
        cwd=CHECKOUT / "explorer",
        capture_output=True,
        check=True,
    )

    done = subprocess.run(
        ["node", "--input-type=module"], input=bundled.stdout, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr.decode()[-2000:]


@pytest.mark.parametrize(
    ("path", "heading", "word"),
    [
        ("/", "Market", "What the next unit costs"),
        ("/deals/{deal}", "Deal {deal}", "Paid until"),
        ("/deals/{rich}", "Deal {rich}", "Paid until"),
        ("/peers/1", "Peer 1", "Left in mid-run"),
        ("/matches/{match}", "Match {match}", "Everything that can be checked in a browser agrees"),
        ("/epochs", "Epochs", "Peers that committed"),
        ("/epochs/{epoch}", "Epoch", "Who committed, who did not"),
        ("/accounts/{provider}", "Account", "Refunds and why"),
        ("/offers/{offer}", "Offer", "A developer asks for units"),
        ("/search?q=0x00", "Search", "Nothing of that name"),
    ],
)
def test_page__wide_and_narrow_light_and_dark__shows_its_facts_without_barriers(
    visitor, seen, path, heading, word
):
    visitor.open(path.format(**seen))

    expect(visitor.page.locator("h1")).to_contain_text(heading.format(**seen))
    expect(visitor.page.get_by_text(word).first).to_be_visible()
    visitor.wait_loaded()
    assert visitor.find_barriers() == []
    visitor.picture(heading.format(**seen).split()[0].lower())

    visitor.page.emulate_media(color_scheme="dark")
    visitor.page.set_viewport_size(PHONE)
    if path in COLOURFUL:
        assert visitor.find_pale_texts() == []
    visitor.wait_fitted()


def test_page__loaded__is_small_and_asks_nobody_but_gateway_and_matcher(visitor, market, seen):
    visitor.open("/")

    services = (market.client().gateway.url, market.client().matcher.url)
    assert {url for url in visitor.asked if not url.startswith(services)} == set()
    assert sum(len(file.content) for file in load_site().values()) <= FIRST_VIEW_BYTES


def test_search__number_hash_and_address__lead_there_and_keys_are_enough(visitor, seen):
    visitor.open("/")

    for text, path in (
        (seen["offer"], f"/offers/{seen['offer']}"),
        (seen["provider"], f"/accounts/{seen['provider']}"),
    ):
        visitor.page.keyboard.press("/")
        visitor.page.keyboard.type(text)
        visitor.page.keyboard.press("Enter")
        visitor.page.wait_for_url(f"**{path}")
        expect(visitor.page.locator("h1")).to_be_focused()
    visitor.open(f"/search?q={seen['deal']}")
    visitor.page.get_by_role("link", name=f"Deal {seen['deal']}", exact=True).click()
    visitor.page.wait_for_url(f"**/deals/{seen['deal']}")


def test_provider__figure_chosen__names_its_events_and_every_epoch_is_in_a_table(
    visitor, market, seen
):
    client = market.client()
    peer = client.deal(seen["deal"])["assignments"][0]["peer"]
    provider = client.matcher.get(f"/v1/peers/{peer}")["provider"]
    for _ in range(2):
        market.next_epoch()
    visitor.open(f"/accounts/{provider}")

    visitor.page.get_by_role("button", name="Activated in time").click()
    events = visitor.page.get_by_role("region", name="Events of Activated in time")
    expect(events.get_by_role("row").nth(1)).to_be_visible()
    # The newest come first, and the market is other tests', too.
    more = visitor.page.locator(".figure-events").get_by_role("button", name="Show more")
    while more.is_visible():
        more.click()
    expect(events.get_by_role("link", name=f"deal {seen['deal']}", exact=True)).to_be_visible()
    expect(visitor.page.locator(".calendar .proven").first).to_be_visible()
    visitor.page.get_by_text("As a table", exact=True).click()
    epochs = visitor.page.get_by_role("region", name="Epochs and their proofs")
    expect(epochs.get_by_text("Proven").first).to_be_visible()
    assert visitor.find_barriers() == []


def test_deal__receipts_of_an_epoch__are_checked_down_to_the_root_on_chain(visitor, market, seen):
    rows = market.assignments(seen["deal"])
    visitor.open(f"/deals/{seen['deal']}")
    for row in rows:
        choose = visitor.page.get_by_role("combobox", name="Peer")
        choose.select_option(str(row["peer"]))
        visitor.page.get_by_role("combobox", name="Epoch").select_option(str(seen["epoch"]))
        visitor.page.get_by_role("button", name="Fetch and check").click()
        expect(visitor.page.get_by_text("the same that the peer committed")).to_be_visible()

    expect(visitor.page.locator(".findings .wrong")).to_have_count(0)
    expect(visitor.page.locator(".findings .state")).to_have_text("Verified")


@pytest.mark.parametrize(
    ("member", "change", "wrong"),
    [
        ("saving", lambda value: str(int(value) + 1), "Surplus"),
        ("gap_ppm", lambda value: value + 1_000_000, "Gap"),
        ("total", lambda value: str(int(value) - 1), "Total"),
    ],
)
def test_match__record_that_says_another_amount__is_wrong_where_it_differs(
    visitor, seen, member, change, wrong
):
    def forge(route):
        record = route.fetch().json()
        record[member] = change(record[member])
        route.fulfill(json=record)

    visitor.page.route(f"**/v1/matches/{seen['match']}", forge)
    visitor.open(f"/matches/{seen['match']}")

    expect(visitor.page.locator(".findings .state")).to_have_text("Wrong")
    found = visitor.page.locator(".findings .wrong").all_inner_texts()
    assert [text.split(":")[0].split()[-1] for text in found] == [wrong]


def test_match__of_a_wish__shows_it_and_says_whom_it_excludes(visitor, market):
    deal = market.run(
        *("deploy", market.greeting, "--new", "--data-center", "ovh-gra", "--yes", "--json")
    ).json["deal"]
    [record, *_] = market.client().matcher.get(f"/v1/deals/{deal}/matches")["items"]

    visitor.open(f"/matches/{record['id']}")

    expect(visitor.page.locator(".findings .state")).to_have_text("Verified")
    expect(visitor.page.get_by_text("In ovh-gra", exact=False).first).to_be_visible()
    table = visitor.page.get_by_role("region", name="Offers of the book")
    expect(table.get_by_text("others were wished").first).to_be_visible()
    assert visitor.find_barriers() == []
    visitor.page.set_viewport_size(PHONE)
    visitor.wait_fitted()


def test_market__units_over_time__sold_and_free_are_all_there_is(visitor, market, seen):
    visitor.open("/")
    chart = visitor.page.locator(".card").filter(has_text="Units sold and free")

    chart.get_by_text("The same as a table", exact=True).click()

    cells = chart.locator("tbody tr").last.locator("td").all_inner_texts()
    _, _, sold, free, offered = cells
    now = market.client().matcher.get("/v1/statistics")
    assert int(offered) == now["units"]
    assert int(sold) + int(free) == int(offered)
    assert int(sold) > 0
    # What is below the bar at the top, for having been scrolled there, is no smaller for that.
    visitor.page.evaluate("scrollTo(0, 0)")
    assert visitor.find_barriers() == []


def test_names_of_strangers__hostile__are_text_and_nothing_else(visitor, market, provider):
    key, wallet = load_peer_keys(market.wiring, f"hostile-{provider}")
    client = market.provider(provider)
    client.stake(200 * 10**18)
    machine = PeerCapacity(
        units=1, memory_mib=64, region=56, endpoint="http://127.0.0.1:9", traits=0
    )
    peer = client.register(key, wallet.address, machine)
    client._send(market.wiring.market.call("set_endpoint", peer, HOSTILE))

    visitor.open(f"/peers/{peer}")

    expect(visitor.page.get_by_text(HOSTILE).first).to_be_visible()
    assert visitor.page.locator("main img").count() == 0


def test_watching__a_block_is_replaced__says_so_and_shows_what_holds(visitor, market, seen):
    cheats = market.market.anvil.cheats
    name = market.new_account("watched")
    visitor.open(f"/accounts/{market.address(name)}")
    tile = visitor.page.locator(".tile").filter(has_text="Free balance")
    expect(tile).to_contain_text("0.00 USDC")

    market.run("wallet", "deposit", "1.5", "--key", name)
    expect(tile).to_contain_text("1.50 USDC")
    cheats.reorg(1)

    expect(visitor.page.get_by_text("The chain changed its mind")).to_be_visible()
    expect(tile).to_contain_text("0.00 USDC")


def test_watching__the_matcher_goes_and_comes_back__says_so_and_catches_up(visitor, market, seen):
    visitor.open(f"/deals/{seen['deal']}")
    expect(visitor.page.locator(".connection")).to_contain_text("Live")
    matcher = market.market.services["matcher"]

    matcher.stop()
    expect(visitor.page.get_by_text("The matcher does not answer")).to_be_visible()
    expect(visitor.page.locator("h1")).to_contain_text(f"Deal {seen['deal']}")
    with market.environment():
        market.market.start_service("matcher").wait_ready(WAIT_SECONDS)
    market.run("top-up", seen["deal"], "0.25")

    expect(visitor.page.get_by_text("The matcher does not answer")).to_have_count(0)
    expect(visitor.page.locator(".events").get_by_text("balance is now").first).to_be_visible()
