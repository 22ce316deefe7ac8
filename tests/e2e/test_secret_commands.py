"""`wasmarket secret`: values that the peers of a deal can open, and nobody else ever sees."""

import base64
import os
import secrets
from pathlib import Path

import httpx
import psutil
import pytest

from tests.peer.apps import build_reading_secret
from wasmarket.app.file import load_app
from wasmarket.kernel.traits import trait_mask

pytestmark = pytest.mark.e2e

APP = """
name = "vault"

[effectors.secret]
names = ["TOKEN"]

[health]
service = "vault"
function = "health"

[[service]]
name = "vault"
total_memory_limit = 16777216

[[service.module]]
name = "vault"
path = "vault.wasm"
"""


@pytest.fixture(scope="module")
def vault(market, tmp_path_factory):
    """A deal on two peers whose functions read the secret TOKEN."""
    folder = tmp_path_factory.mktemp("vault")
    (folder / "vault.wasm").write_bytes(build_reading_secret())
    (folder / "app.toml").write_text(APP)
    return market.deploy(
        load_app(folder),
        units=2,
        max_units_per_provider=1,
        min_regions=2,
        traits=trait_mask(["secret"]),
    )


@pytest.fixture
def messages(monkeypatch):
    """All that this process sends and gets over HTTP."""
    seen = []
    send = httpx.Client.send

    def record(self, request, **options):
        answer = send(self, request, **options)
        seen.extend([str(request.url).encode(), request.content, str(request.headers).encode()])
        if not options.get("stream"):
            seen.append(answer.content)
        return answer

    monkeypatch.setattr(httpx.Client, "send", record)
    return seen


def call_each(market, deal, function):
    """Call a function at each peer of a deal; return the answers by peer."""
    rows = market.client().deal(deal)["assignments"]
    answers = {}
    for peer in sorted({row["peer"] for row in rows}):
        headers = {"Wasmarket-Peer": str(peer)}
        answers[peer] = market.client().call(deal, "vault", function, headers=headers).value
    return answers


def find_traces(value: bytes, market, messages) -> list[str]:
    """Return where a value, or a plain writing of it, can be found."""
    writings = [value, value.hex().encode(), base64.b64encode(value).rstrip(b"=")]
    found = []

    def look(where: str, data: bytes) -> None:
        found.extend(where for writing in writings if writing in data)

    for path in market.home.root.rglob("*"):
        if path.is_file():
            look(str(path), path.read_bytes())
    for process in psutil.Process().children(recursive=True):
        for name in ("environ", "cmdline"):
            try:
                look(f"{process.pid} {name}", Path(f"/proc/{process.pid}/{name}").read_bytes())
            except OSError:
                # Gone, or closed to us: nothing can be found there.
                continue
    for row in market.client().matcher.get("/v1/peers")["items"]:
        try:
            look(f"metrics of {row['id']}", httpx.get(f"{row['endpoint']}/metrics").content)
        except (httpx.TransportError, httpx.UnsupportedProtocol):
            # Other tests register peers that nobody runs.
            continue
    for number, message in enumerate(messages):
        look(f"message {number}", message)
    return found


def test_set__value_piped_in__functions_of_all_peers_read_it_and_nothing_else_has_it(
    market, vault, messages
):
    value = b"shh-" + secrets.token_hex(16).encode()
    assert all(length > 0 for length in call_each(market, vault, "error").values())

    ran = market.run("secret", "set", vault, "TOKEN", stdin=value + b"\n")

    assert ran.code == 0, ran.err
    assert (
        set(call_each(market, vault, "sum").values())
        == {sum(value)}
        != set(call_each(market, vault, "error").values())
    )
    listed = market.run("secret", "list", vault, "--json").json
    assert listed["secrets"] == ["TOKEN"]
    assert (listed["missing"], listed["silent"]) == ({}, [])
    assert "2 peers" in market.run("secret", "list", vault).out
    assert messages
    assert find_traces(value, market, messages) == []


def test_rm__a_secret__no_function_reads_it_any_more(market, vault):
    market.run("secret", "set", vault, "TOKEN", stdin=b"for a moment")

    ran = market.run("secret", "rm", vault, "TOKEN", "--yes")

    assert ran.code == 0, ran.err
    assert set(call_each(market, vault, "sum").values()) == {0}
    assert market.run("secret", "list", vault).out.strip() == f"deal {vault} has no secret"


def test_set__by_somebody_else__is_refused_and_nothing_changes(market, vault):
    market.run("secret", "set", vault, "TOKEN", stdin=b"mine")
    stranger = market.new_account("developer")

    ran = market.run("secret", "set", vault, "TOKEN", "--key", stranger, stdin=b"not mine")

    assert ran.code != 0
    assert set(call_each(market, vault, "sum").values()) == {sum(b"mine")}


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("no name", "--json"), b"x", "no name"),
        (("TOKEN",), b"", "there is no value on the standard input"),
        (("TOKEN",), b"x" * 5_000, "the value has 5000 bytes"),
        (("TOKEN", "--file", "/does/not/exist"), b"", "cannot read /does/not/exist"),
    ],
)
def test_set__what_cannot_be_one__says_so(market, vault, arguments, stdin, said):
    ran = market.run("secret", "set", vault, *arguments, stdin=stdin)

    assert ran.code != 0
    assert said in ran.err


def test_set__of_no_deal__says_so(market):
    ran = market.run("secret", "set", 999_999, "TOKEN", stdin=b"x")

    assert "there is no deal 999999" in ran.err
    assert os.environ.get("TOKEN") is None
