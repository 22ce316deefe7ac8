"""What is said while a peer dies and comes back: followed logs, quotes."""

import json
import queue
import re
import threading

import pytest

from tests.e2e.market_driver import wait_until

pytestmark = pytest.mark.e2e


def test_follow__over_a_kill_of_the_peer__goes_on_without_a_line_twice(market):
    deal = market.deploy(only="beta")
    lines = queue.Queue()

    def follow():
        for line in market.client().logs(deal, follow=True):
            lines.put(json.loads(line)["text"])
            if line.count("last"):
                return

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    market.call(deal, "greeting/greeting", ["first"])
    assert lines.get(timeout=120) == "greeting first"

    market.market.peers["beta-1"].kill()
    market.market.start_peer("beta-1").wait_ready(180)
    wait_until(
        "it answers again",
        lambda: market.call(deal, "greeting/greeting", ["last"]).status_code == 200,
    )

    assert lines.get(timeout=120) == "greeting last"
    reader.join(120)


def test_quote__peer_of_a_provider_is_away__counts_it_and_has_it_again(market):
    wanted = ("quote", "--units", "2", "--per-provider", "1", "--max-price", "0.02")
    before = market.run(*wanted)
    market.market.peers["beta-1"].kill()
    missed = wait_until(
        "the matcher passes it over", lambda: (ran := market.run(*wanted)).err and ran
    )
    market.market.start_peer("beta-1").wait_ready(180)

    after = market.run(*wanted)

    assert re.search(r"\d peers? with offers not counted: no answer to the matcher", missed.err)
    assert (before.err, after.err) == ("", "")
    assert after.out == before.out
