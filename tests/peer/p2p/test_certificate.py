"""TLS of the edge: what it presents, a renewal while it runs, files that are no good."""

import asyncio
import ssl

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake

from peer.p2p import multistream
from peer.p2p.certificate import read_certificate
from peer.p2p.edge import ClientEdge, WebSocketStream
from tests.peer.choreography.avm_bench import key_of
from tests.peer.p2p.certificates import write_certificate
from tests.peer.p2p.dialer import dial
from tests.peer.runtime.pools import in_loop
from wasmarket.kernel.errors import ConfigError
from wasmarket_cli.local.plan import find_free_port

pytestmark = pytest.mark.e2e


async def greet(port, trusted) -> None:
    """Come as far as a client does, trusting only what is in the file `trusted`."""
    context = ssl.create_default_context(cafile=trusted)
    async with connect(f"wss://127.0.0.1:{port}", ssl=context, proxy=None) as connection:
        secured = await dial(WebSocketStream(connection), key_of(1))
        await multistream.propose(secured, "/yamux/1.0.0")


@in_loop
async def test_edge__with_a_certificate__speaks_tls_and_takes_up_a_renewed_one(tmp_path):
    chain, key = write_certificate(tmp_path)
    certificate = read_certificate(str(chain), str(key))
    edge, port = ClientEdge(key_of(9), "test", 1_000, lambda *_: None), find_free_port()
    await edge.start("127.0.0.1", port, certificate)
    try:
        await greet(port, chain)
        write_certificate(tmp_path)
        with pytest.raises(ssl.SSLCertVerificationError):
            await greet(port, chain)
        certificate.refresh()
        await greet(port, chain)
        key.write_text("no key")
        certificate.refresh()
        await greet(port, chain)
        with pytest.raises(InvalidHandshake):
            async with asyncio.timeout(5), connect(f"ws://127.0.0.1:{port}", proxy=None):
                pass
    finally:
        await edge.close()


@pytest.mark.parametrize(
    ("break_it", "cause"),
    [
        (lambda chain, key: (str(chain), ""), "go together"),
        (lambda chain, key: (str(chain.with_name("none.pem")), str(key)), "No such file"),
        (lambda chain, key: (str(key), str(chain)), "PEM"),
    ],
)
def test_certificate__that_is_no_good__is_said_at_the_start(tmp_path, break_it, cause):
    chain, key = write_certificate(tmp_path)

    with pytest.raises(ConfigError) as refused:
        read_certificate(*break_it(chain, key))

    assert cause in f"{refused.value.detail} {refused.value.remedy}"


def test_certificate__of_another_key__is_refused(tmp_path):
    (tmp_path / "other").mkdir()
    chain, _ = write_certificate(tmp_path)
    _, key = write_certificate(tmp_path / "other")

    with pytest.raises(ConfigError, match="p2p_tls_key"):
        read_certificate(str(chain), str(key))


def test_certificate__not_set__is_none():
    assert read_certificate("", "") is None
