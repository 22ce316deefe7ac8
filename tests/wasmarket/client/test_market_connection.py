"""`wasmarket.connect`: what is given beats environment and file; nothing is loaded early."""

import asyncio
import json
import subprocess
import sys
import threading

import pytest

import wasmarket
from wasmarket.chain.sending.wallet import Account, save_account
from wasmarket.client.market.asynchronous import AsyncView
from wasmarket.kernel.errors import ConfigError, InvalidInput, MarketError, Unreachable
from wasmarket.testing.fake_chain import fake_deployment

pytestmark = pytest.mark.unit

KEY = bytes(range(1, 33))


def connect(tmp_path, **options):
    return wasmarket.connect(home=tmp_path, environ=options.pop("environ", {}), **options)


def test_connect__arguments__beat_environment_and_file(tmp_path):
    (tmp_path / "wasmarket.toml").write_text(
        '[chain]\nrpc = "http://file"\n[client]\nmatcher = "http://file"\ngateway = "http://file"\n'
    )
    environ = {
        "WASMARKET_CHAIN__RPC": "http://environ",
        "WASMARKET_CLIENT__MATCHER": "http://environ",
    }

    market = connect(tmp_path, environ=environ, rpc="http://given")

    assert market.wiring.chain.rpc == "http://given"
    assert market.wiring.client.matcher == "http://environ"
    assert market.wiring.client.gateway == "http://file"


@pytest.mark.parametrize("key", [KEY, "0x" + KEY.hex(), Account.from_key(KEY)])
def test_connect__private_key__speaks_for_its_account_without_a_home(tmp_path, key):
    market = connect(tmp_path / "nowhere", key=key)

    assert market.developer.address == market.provider.address == Account.from_key(KEY).address
    assert not (tmp_path / "nowhere").exists()


def test_connect__name_of_a_key__is_that_of_the_home(tmp_path):
    save_account(tmp_path / "keys", "alpha", Account.from_key(KEY))

    assert connect(tmp_path, key="alpha").developer.address == Account.from_key(KEY).address


@pytest.mark.parametrize("key", ["0x12", b"short", "0x" + "zz" * 32, 5])
def test_connect__key_that_is_none__is_refused_without_showing_it(tmp_path, key):
    with pytest.raises(InvalidInput) as refused:
        connect(tmp_path, key=key)

    assert str(key) not in str(refused.value)


def test_connect__unknown_profile__is_refused_at_once(tmp_path):
    with pytest.raises(ConfigError, match="profile"):
        connect(tmp_path, profile="nobody")


def test_connect__deployment_object__is_used_instead_of_a_file(tmp_path):
    deployment = fake_deployment()

    assert connect(tmp_path, deployment=deployment).wiring.load_deployment() is deployment


def test_connect__deployment_file_that_is_missing__names_it(tmp_path):
    with pytest.raises(ConfigError, match=r"missing\.json"):
        connect(tmp_path, deployment=tmp_path / "missing.json").wiring.load_deployment()


def test_developer__function_without_its_service__says_what_is_meant(tmp_path):
    with pytest.raises(InvalidInput, match=r"service\.function"):
        connect(tmp_path).developer.call(deal=1, function="greeting")


def test_developer__positional_arguments__are_refused(tmp_path):
    with pytest.raises(TypeError):
        connect(tmp_path).developer.top_up(1, "1 USDC")


class Slow:
    """A part of a market whose method says in which thread it ran."""

    @property
    def name(self):
        return "slow"

    def where(self, *, offset=0):
        return threading.get_ident() + offset

    def fail(self):
        raise Unreachable("nobody is there")

    def lines(self, *, count):
        yield from (str(number) for number in range(count))


def test_aio__method__runs_in_another_thread_and_returns_its_value():
    assert asyncio.run(AsyncView(Slow()).where(offset=1)) != threading.get_ident() + 1
    assert AsyncView(Slow()).name == "slow"


def test_aio__error__is_raised_where_it_is_awaited():
    with pytest.raises(MarketError, match="nobody is there"):
        asyncio.run(AsyncView(Slow()).fail())


def test_aio__what_yields__is_an_asynchronous_iterator():
    async def collect():
        return [line async for line in AsyncView(Slow()).lines(count=3)]

    assert asyncio.run(collect()) == ["0", "1", "2"]


def test_aio__parts_of_a_market__have_the_same_methods(tmp_path):
    market = connect(tmp_path)

    for part in ("developer", "provider"):
        view = getattr(market.aio, part)
        public = {name for name in dir(getattr(market, part)) if not name.startswith("_")}
        assert set(dir(view)) == public


def test_import__wasmarket__loads_nothing_that_takes_time():
    heavy = ("httpx", "eth_account", "web3", "pydantic", "click", "rich", "msgspec")
    program = (
        "import json, sys, wasmarket; assert 'connect' in dir(wasmarket);"
        f"print(json.dumps([name for name in {heavy} if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == []


def test_all__every_name__can_be_had():
    for name in wasmarket.__all__:
        assert getattr(wasmarket, name) is not None
    with pytest.raises(AttributeError):
        _ = wasmarket.nothing
