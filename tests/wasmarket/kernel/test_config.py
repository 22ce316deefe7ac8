"""Settings: flag > environment > profile > file > default, and typing errors are named."""

from dataclasses import dataclass

import pytest

from wasmarket.kernel.config import build_settings, environment_table
from wasmarket.kernel.errors import ConfigError

pytestmark = pytest.mark.unit


@dataclass(frozen=True, slots=True)
class Sample:
    host: str = "127.0.0.1"
    port: int = 8600
    gateways: tuple[str, ...] = ()
    evict: bool = True


def test_build_settings__layers__the_strongest_wins():
    layers = [
        ("file", {"port": 1, "host": "a"}),
        ("environment", {"port": "2"}),
        ("flags", {"port": 3}),
    ]

    assert build_settings(Sample, "matcher", layers) == Sample("a", 3)
    assert build_settings(Sample, "matcher", layers[:2]) == Sample("a", 2)


def test_build_settings__flag_not_given__does_not_count():
    assert build_settings(Sample, "matcher", [("flags", {"port": None})]) == Sample()


def test_environment__texts__become_numbers_flags_and_lists():
    environ = {
        "WASMARKET_MATCHER__PORT": "9",
        "WASMARKET_MATCHER__EVICT": "false",
        "WASMARKET_MATCHER__GATEWAYS": "http://a, http://b",
        "WASMARKET_GATEWAY__PORT": "7",
    }
    layers = [("environment", environment_table(environ, "matcher"))]

    assert build_settings(Sample, "matcher", layers) == Sample(
        port=9, evict=False, gateways=("http://a", "http://b")
    )


@pytest.mark.parametrize(
    ("layer", "words"),
    [({"prot": 1}, "prot"), ({"port": "many"}, "port"), ({"gateways": 5}, "gateways")],
)
def test_build_settings__typing_error__names_layer_and_key(layer, words):
    with pytest.raises(ConfigError) as caught:
        build_settings(Sample, "matcher", [("my.toml", layer)])
    assert "my.toml" in caught.value.detail
    assert words in caught.value.detail
