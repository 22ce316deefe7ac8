"""Settings: flag > environment > profile > file > default, and nothing misspelt is ignored."""

import pytest

from matcher.settings import MatcherSettings
from peer.settings import PeerSettings
from wasmarket.client.home import Home, find_home
from wasmarket.client.settings import ClientSettings, StoreSettings, load_configuration
from wasmarket.kernel.errors import ConfigError
from wasmarket_cli.setup import KINDS

pytestmark = pytest.mark.unit

FILE = """
[matcher]
port = 1
poll_seconds = 2
[profile.test.matcher]
port = 2
[profile.empty]
"""


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def write(home):
    def write_file(text):
        home.config.write_text(text)
        return home

    return write_file


def test_read__layer_by_layer__the_nearest_wins(write):
    home = write(FILE)
    environ = {"WASMARKET_MATCHER__PORT": "3"}

    def port(environ, profile=None, flags=None):
        configuration = load_configuration(home, environ, profile)
        return configuration.read(MatcherSettings, "matcher", flags).port

    assert load_configuration(Home(home.root / "none"), {}).read(MatcherSettings, "matcher") == (
        MatcherSettings()
    )
    assert port({}) == 1
    assert port({}, "test") == 2
    assert port(environ, "test") == 3
    assert port(environ, "test", {"port": 4}) == 4
    assert port(environ, "test", {"port": None}) == 3


def test_read__profile__leaves_what_it_does_not_name(write):
    configuration = load_configuration(write(FILE), {}, "test")

    assert configuration.read(MatcherSettings, "matcher").poll_seconds == 2
    assert load_configuration(write(FILE), {}, "empty").read(MatcherSettings, "matcher").port == 1


def test_profile__from_environment__is_used_unless_one_is_given(write):
    home, environ = write(FILE), {"WASMARKET_PROFILE": "test"}

    assert load_configuration(home, environ).profile == "test"
    assert load_configuration(home, environ, "empty").profile == "empty"


def test_profile__unknown__is_named_with_the_known_ones(write):
    with pytest.raises(ConfigError, match="there is no profile 'tset'") as caught:
        load_configuration(write(FILE), {}, "tset").read(MatcherSettings, "matcher")

    assert caught.value.remedy is not None
    assert "'test'" in caught.value.remedy


def test_file__list_and_environment_list__are_tuples(write):
    home = write('[peer]\ngateways = ["http://a", "http://b"]')

    assert load_configuration(home, {}).read(PeerSettings, "peer").gateways == (
        "http://a",
        "http://b",
    )
    environ = {"WASMARKET_PEER__GATEWAYS": "http://c, http://d"}
    assert load_configuration(home, environ).read(PeerSettings, "peer").gateways == (
        "http://c",
        "http://d",
    )


@pytest.mark.parametrize("table", sorted(KINDS))
def test_file__each_table_of_a_service__is_taken(home, table):
    home.config.write_text(f"[{table}]\n")

    assert load_configuration(home, {}).read(KINDS[table], table) == KINDS[table]()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[macher]\nport = 1", "there is no table [macher]"),
        ("[matcher]\nprot = 1", "'prot'"),
        ("matcher = 5", "[matcher] is not a table"),
        ("[matcher]\nport = 'many'", "port"),
        ("[matcher", "cannot read"),
        ("[profile.test.matcher]\nprot = 1", "profile test"),
    ],
)
def test_file__wrong__is_named_with_its_file(write, text, words):
    home = write(text)

    with pytest.raises(ConfigError) as caught:
        load_configuration(home, {}, "test" if "profile" in text else None).read(
            MatcherSettings, "matcher"
        )

    assert words in caught.value.detail


def test_file__not_text__is_named(home):
    home.config.write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="cannot read"):
        load_configuration(home, {})


@pytest.mark.parametrize("name", ["WASMARKET_MACHER__PORT", "WASMARKET_ATTIC__X"])
def test_environment__misspelt_table__is_refused(home, name):
    with pytest.raises(ConfigError, match="there is no table") as caught:
        load_configuration(home, {name: "1"})

    assert caught.value.field == name


def test_environment__misspelt_setting__is_refused(home):
    configuration = load_configuration(home, {"WASMARKET_MATCHER__PROT": "1"})

    with pytest.raises(ConfigError, match="environment"):
        configuration.read(MatcherSettings, "matcher")


def test_environment__other_names__are_none_of_ours(home):
    environ = {"WASMARKET_HOME": "x", "WASMARKET_PASSWORD": "y", "OTHER__THING": "z"}

    assert load_configuration(home, environ).read(ClientSettings, "client") == ClientSettings()


def test_read__two_tables__do_not_mix(write):
    home = write("[store]\nurl = 'postgresql://x'\n[matcher]\nport = 5")
    configuration = load_configuration(home, {})

    assert configuration.read(StoreSettings, "store").url == "postgresql://x"
    assert configuration.read(MatcherSettings, "matcher").port == 5


def test_home__flag_then_environment_then_default(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/nobody")

    assert find_home({"WASMARKET_HOME": "/b"}, "/a").root.as_posix() == "/a"
    assert find_home({"WASMARKET_HOME": "/b"}).root.as_posix() == "/b"
    assert find_home({}).root.as_posix() == "/nobody/.wasmarket"
    monkeypatch.chdir(tmp_path)
    assert find_home({}, "here").root == tmp_path / "here"
