"""What a keeper asks the matcher and the chain for an account, and what it makes of the answers."""

import httpx
import pytest

from keeper.accounts import DeveloperAccount
from wasmarket.chain.sending.wallet import Account, save_account
from wasmarket.client.home import Home
from wasmarket.client.settings import load_configuration
from wasmarket.client.wiring import PASSWORD, Wiring
from wasmarket.kernel.reasons import EndKind
from wasmarket.testing.fake_chain import FakeChain, fake_deployment

pytestmark = pytest.mark.unit

OWNER = Account.from_key(b"\x05" * 32)
EVICTED, LEFT = str(int(EndKind.EVICTED)), str(int(EndKind.LEFT))


def event(name, block, **more):
    common = {"assignment": 3, "peer": 4, "deal": 7, "data": {}}
    return common | {"name": name, "block": block, "tx": f"0x{block}"} | more


class Desk:
    """An account whose matcher answers as told; `asked` keeps the queries."""

    def __init__(self, folder):
        home = Home(folder)
        save_account(home.keys, "dev", OWNER)
        self.asked, self.events = [], []
        deployment = fake_deployment()
        self.chain = FakeChain(deployment)
        wiring = Wiring(load_configuration(home, {PASSWORD: ""}), given_deployment=deployment)
        http = httpx.Client(transport=httpx.MockTransport(self.answer))
        vars(wiring).update(http=http, rpc=self.chain, deployment=deployment)
        self.account = DeveloperAccount(wiring, "dev")

    def answer(self, request):
        asked = dict(request.url.params)
        self.asked.append(asked)
        start, size = int(asked.get("cursor", 0)), int(asked["limit"])
        items = self.events[start : start + size]
        following = str(start + size) if len(items) == size else None
        return httpx.Response(200, json={"items": items, "next": following, "block": 99})


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_news__what_makes_no_deal_short__is_harmless(desk):
    desk.events = [
        event("Redeemed", 9),
        event("Claimed", 8, data={"refunded": "5"}),
        event("Ended", 7, data={"kind": EVICTED}),
        event("Ended", 6, data={"kind": LEFT}),
        event("DealBalance", 5),
    ]

    news, block = desk.account.news(4)

    assert block == 99
    assert [(one.block, one.is_harmless) for one in news] == [
        (5, False),
        (6, True),
        (7, True),
        (8, True),
        (9, False),
    ]
    assert [one.refunded for one in news] == [0, 0, 0, 5, 0]
    assert [one.evicted for one in news] == [None, None, 3, None, None]


def test_news__nothing_new__is_one_question_for_a_short_page(desk):
    desk.events = [event("DealBalance", 9 - number // 10) for number in range(40)]

    assert desk.account.news(9) == ([], 99)

    assert [asked["limit"] for asked in desk.asked] == ["20"]


def test_news__more_than_a_page__is_followed_to_what_was_seen(desk):
    desk.events = [event("DealBalance", 100 - number) for number in range(60)]

    news, _ = desk.account.news(60)

    assert [one.block for one in news] == list(range(61, 101))


def test_news__deal_of_another_account__is_not_new_to_it(desk):
    desk.events = [
        event("DealCreated", 9, deal=8, data={"developer": "0x" + "ab" * 20}),
        event("DealCreated", 8, data={"developer": OWNER.address}),
    ]

    assert [one.is_new for one in desk.account.news(1)[0]] == [True, False]


@pytest.mark.parametrize(
    ("sources", "held"), [(("free", "wallet"), 1_700), (("free",), 700), (("wallet",), 1_000)]
)
def test_available__sources_of_a_rule__are_summed_from_one_batch(desk, monkeypatch, sources, held):
    # The upper half of the word is a counter.
    desk.chain.answer("Market", "account_word", 700 + (3 << 128))
    desk.chain.answer("TestUSDC", "balanceOf", 1_000)
    asked = []
    call_many = desk.chain.call_many
    monkeypatch.setattr(
        desk.chain, "call_many", lambda *a, **k: asked.append(a) or call_many(*a, **k)
    )

    assert desk.account.available(sources) == held

    assert len(asked) == 1
