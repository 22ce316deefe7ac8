"""Each alarm is raised once, and again after it was over."""

from dataclasses import replace

import pytest

from keeper.book import KeeperBook
from keeper.duties.alarms import Alarms, WatchedPeer
from keeper.notices import Notices
from keeper.policy import AlarmRule

pytestmark = pytest.mark.unit

GOOD = WatchedPeer(4, 1, 3, 0, "", "0xwallet", 10**18, 100, 100)
RULE = AlarmRule("alpha", 2, 10**15, 24, 50)


class AlarmDesk:
    def __init__(self, folder, rule):
        self.peer, self.gas, self.told, self.epoch = GOOD, 10**18, [], 100
        self.book = KeeperBook(folder / "journal.jsonl")
        self.notices = Notices(self.book, {"list": self.told.append})
        self.alarms = Alarms([rule], {"alpha": self}, self.notices)

    def look(self):
        return [self.peer]

    def own_gas(self):
        return self.gas

    def step(self, **changes):
        self.peer = replace(GOOD, **changes)
        self.alarms.step(self.epoch)
        self.notices.deliver()


@pytest.fixture
def desk(tmp_path):
    made = AlarmDesk(tmp_path, RULE)
    yield made
    made.book.close()


def test_peer__that_is_well__raises_nothing(desk):
    desk.step()

    assert desk.told == []


@pytest.mark.parametrize(
    ("change", "about", "text"),
    [
        ({"missed": 2}, "missed:4", "has not committed 2 epochs"),
        ({"problem": "the disk is full"}, "unready:4", "is not ready: the disk is full"),
        ({"gas": 10**15 - 1}, "gas:4", "its wallet 0xwallet"),
        ({"ask": 151}, "price:4", "above the market's"),
        ({"ask": 49}, "price:4", "below the market's"),
    ],
)
def test_alarm__holds_and_ends__is_told_once_each_time(desk, change, about, text):
    desk.step(**change)
    desk.step(**change)
    desk.step()
    desk.step(**change)

    assert [notice.about for notice in desk.told] == [about, about]
    assert text in desk.told[0].text


def test_alarm__units_that_nobody_takes__comes_after_the_rules_epochs(desk):
    desk.step(used=0, free=4)
    desk.epoch = 123
    desk.step(used=0, free=4)
    assert desk.told == []

    desk.epoch = 124
    desk.step(used=0, free=4)

    assert "4 units free and none taken for 24 epochs" in desk.told[0].text


def test_alarm__provider_without_gas__is_told(desk):
    desk.gas = 0

    desk.step()

    assert [notice.about for notice in desk.told] == ["gas:alpha"]
