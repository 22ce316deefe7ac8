"""The main job as `make demo` runs it, undisturbed and with processes killed at any moment."""

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from indexer.verify.run import verify_store
from scripts.story import Teller
from tests.e2e.market_driver import COMMAND, own_settings
from tests.e2e.stories import Killer, ShakenStory, compute_pay
from tests.paths import CHECKOUT
from wasmarket.chain.reading.transport import Transport
from wasmarket.client.home import Home
from wasmarket.kernel.errors import Unreachable
from wasmarket.kernel.units import USDC
from wasmarket.store.database import open_database

pytestmark = pytest.mark.e2e

TITLES = {
    "start": "A market comes up",
    "deploy": "A developer publishes a function and signs an offer",
    "call": "The function answers over HTTP",
    "prove": "Epochs pass, peers prove what they ran",
    "claim": "A provider claims and withdraws",
    "lose_a_peer": "A peer dies",
    "update": "The developer updates the function",
    "pay_for_work": "A metered deal: work is paid, not time",
    "convict_a_liar": "A peer lies, and nobody lifts a hand",
    "buy": "A card tops up the deal",
    "keep": "A keeper keeps the runway",
    "stop": "The developer stops and gets the rest back",
    "settle": "Everybody takes what is theirs",
}
CHAPTERS = tuple(TITLES.values())
DRIP = 10_000 * USDC
"""What the faucet gives to every developer and provider."""
BOUGHT = 19_100_000
"""What the card buys: 20.00 dollars but for 0.30 and 3 %."""
DEMO_SECONDS = 600.0
KILLED_AFTER = {
    "deploy": ("indexer", "matcher"),
    "call": ("gateway", "beta-1"),
    "lose_a_peer": ("matcher", "gateway"),
    "stop": ("indexer", "beta-1"),
}
"""Who is killed at the end of a chapter, beside those whom chance chooses."""


def find_chapters(text: str) -> list[str]:
    """Return the titles of the chapters that were told."""
    return re.findall(r"^ +[0-9.]+ s +[0-9]+  (.+?) *$", text, re.MULTILINE)


def find_processes(home: Path) -> list[str]:
    """Return the command lines of all processes that work in a home."""
    lines = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(home) in line:
            lines.append(line)
    return lines


def assert_chain_is_gone(text: str) -> None:
    """Check that nothing answers any more where the demo's chain was."""
    found = re.search(r"Anvil at (\S+),", text)
    assert found is not None, text
    with Transport(found[1], retries=0) as rpc, pytest.raises(Unreachable):
        rpc.request("eth_chainId", ())


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    own = {name: value for name, value in os.environ.items() if name not in own_settings()}
    return own | {"PYTHONPATH": str(CHECKOUT), "TMPDIR": str(temporary)}


@pytest.fixture
def start_demo(environ: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A function that starts the demo; what still runs after the test is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-P", str(CHECKOUT / "scripts" / "demo.py"), *arguments],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_demo__fresh__tells_all_and_leaves_nothing_behind(start_demo, tmp_path):
    demo = start_demo()
    text, _ = demo.communicate(timeout=DEMO_SECONDS)

    assert demo.returncode == 0, text
    assert find_chapters(text) == list(CHAPTERS)
    assert "Traceback" not in text
    assert text.count("✓ adds up") >= 7
    assert "the main job is done and every unit of money is accounted for" in text
    assert find_processes(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []
    assert_chain_is_gone(text)


@pytest.mark.parametrize("number", [signal.SIGTERM])
def test_demo__keep__stays_with_urls_until_it_is_told_to_end(start_demo, tmp_path, number):
    demo = start_demo("--keep", "--home", str(tmp_path / "home"))
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if "Ctrl-C ends it all" in line:
            break
    text = "".join(lines)
    assert demo.poll() is None, text
    assert find_chapters(text) == list(CHAPTERS[:11])
    assert re.search(r"gateway.*http://127.0.0.1:\d+/docs", text)
    assert "call 1 greeting.greeting World" in text
    assert len(find_processes(tmp_path)) > 5

    called = subprocess.run(
        [COMMAND, "--home", tmp_path / "home", "call", "1", "greeting.greeting", "World"],
        capture_output=True,
        text=True,
        check=False,
    )
    demo.send_signal(number)
    rest, _ = demo.communicate(timeout=180)

    assert called.stdout == "Hello, World! Nice to see you.\n", called.stderr
    assert demo.returncode == 0, text + rest
    assert "Traceback" not in rest
    assert find_processes(tmp_path) == []
    assert_chain_is_gone(text)


class Shaken:
    """A story that is told while processes are killed, and what it leaves."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home = home
        self._seed = seed
        self._words = io.StringIO()
        self._killers: list[Killer] = []
        self._is_open = True
        teller = Teller(Console(file=self._words, width=100))
        self.story = ShakenStory(Home(home), teller, self._interlude)
        self._chapters = self.story.unfold()
        self._told: list[str] = []

    def _interlude(self, story: ShakenStory, chapter: str) -> None:
        killers = self._killers
        if chapter == "start":
            killers.append(Killer(story.market, self._seed, (3.0, 8.0)))
            killers[0].start()
        if chapter == "update":
            killers[0].hold()
            story.is_calm = True
        if chapter == "convict_a_liar":
            story.is_calm, story.has_convicted = False, True
            killers[0].go_on()
        if chapter == "settle":
            killers[0].rest()
        elif chapter in KILLED_AFTER:
            killers[0].kill(*KILLED_AFTER[chapter])

    def tell_to(self, chapter: str) -> None:
        """Go on until this chapter is told, if it is not yet; behind one that failed none is."""
        while chapter not in self._told:
            name = next(self._chapters, "")
            assert name, f"the story broke off before {chapter}"
            self._told.append(name)

    @property
    def words(self) -> str:
        """What was said."""
        return self._words.getvalue()

    @property
    def killed(self) -> list[str]:
        """Who was killed, in order."""
        return [name for killer in self._killers for name in killer.killed]

    def close(self) -> None:
        """End whoever kills, and the market."""
        if not self._is_open:
            return
        self._is_open = False
        for killer in self._killers:
            killer.close()
        self.story.close()
        print(self.words, self.killed)


@pytest.fixture(
    scope="module", params=[int(text) for text in os.environ.get("SEEDS", "1").split(",")]
)
def shaken(request, tmp_path_factory) -> Iterator[Shaken]:
    """The story, told as far as somebody asks; the tests behind look at what it left."""
    told = Shaken(tmp_path_factory.mktemp("shaken") / "home", request.param)
    try:
        yield told
    finally:
        told.close()


@pytest.mark.parametrize("chapter", TITLES)
def test_story__processes_killed_at_any_moment__tells_the_chapter(shaken, chapter):
    shaken.tell_to(chapter)

    assert find_chapters(shaken.words)[-1] == TITLES[chapter]


def test_story__processes_killed_at_any_moment__is_told_to_its_end(shaken):
    shaken.tell_to("settle")

    assert find_chapters(shaken.words) == list(CHAPTERS)
    assert {"indexer", "matcher", "gateway", "beta-1"} <= set(shaken.killed)


def test_story__processes_killed_at_any_moment__pays_everybody_to_the_unit(shaken):
    shaken.tell_to("settle")
    market = shaken.story.market
    wiring = market.wiring
    pay = compute_pay(wiring)
    names = (*market.plan.developers, *market.plan.providers, "matcher")
    accounts = {name: wiring.account(name).address for name in names}
    earned = {name: pay.get(address, 0) for name, address in accounts.items()}

    assert wiring.usdc.balance(wiring.market.address) == 0
    assert {name: wiring.usdc.balance(address) for name, address in accounts.items()} == {
        "developer": DRIP + BOUGHT - sum(pay.values()),
        "alpha": DRIP + earned["alpha"],
        "beta": DRIP + earned["beta"],
        "matcher": earned["matcher"],
    }
    assert min(earned["alpha"], earned["beta"], earned["matcher"]) > 0


def test_story__processes_killed_at_any_moment__leaves_a_store_that_is_the_chains(shaken):
    shaken.tell_to("settle")
    wiring = shaken.story.market.wiring
    store = open_database(wiring.store_url)
    try:
        verdict = verify_store(store, wiring.rpc, wiring.deployment, replays=True)
    finally:
        store.close()

    assert verdict.differences == []


def test_story__that_is_over__leaves_no_process(shaken):
    shaken.tell_to("settle")
    shaken.close()

    assert find_processes(shaken.home) == []
