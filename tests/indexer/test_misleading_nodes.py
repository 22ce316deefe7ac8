"""An indexer with several nodes of which one misleads in every way: its store says what is true."""

import threading
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry

from indexer.loop import IndexLoop
from indexer.progress import Board
from tests.wasmarket.chain.lying_chain import (
    Lie,
    LyingChain,
    cut_off,
    nothing,
    of_another_kind,
    removed,
    twice,
)
from tests.wasmarket.store.stores import copy_store, dump
from wasmarket.chain.reading.identity import check_identity
from wasmarket.chain.reading.several_nodes import SeveralNodes
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.errors import MarketError
from wasmarket.kernel.events import CounterBumped, Deposited

pytestmark = pytest.mark.unit

NEVER = threading.Event()
ALWAYS = 10**6


def lie(method, change):
    return lambda chain: chain.lies.append(Lie(method, change, ALWAYS))


def swap_hash(chain):
    fetch = chain.fetch_headers
    chain.fetch_headers = lambda tags: fetch([tag if tag == "latest" else 1 for tag in tags])


def stand_still(chain):
    chain.mine = lambda *_, **__: chain.head


def fork(chain):
    chain.reorg(3, [Deposited(to_address(b"\x66" * 20), 6, 666)])


def go_away(chain):
    chain.offline = True


MISLEADING = {
    "logs of blocks missing": lie("fetch_block_logs", nothing),
    "all logs missing": lie("fetch_all_block_logs", nothing),
    "logs cut off": lie("fetch_block_logs", cut_off),
    "logs twice": lie("fetch_block_logs", twice),
    "logs marked as removed": lie("fetch_all_block_logs", removed),
    "logs of another kind": lie("fetch_block_logs", of_another_kind),
    "wrong hash": swap_hash,
    "stale": stand_still,
    "fork of its own": fork,
    "silent": go_away,
}


def mine(chains, counter):
    account = to_address(bytes([counter % 5 + 1]) * 20)
    for chain in chains:
        chain.mine(CounterBumped(account, counter), Deposited(account, 1, counter))


CASES = [(kind, must_agree) for kind in MISLEADING for must_agree in (False, True)]
CASES.remove(("fork of its own", False))
"""It contradicts nothing: only another node shows it."""


@pytest.mark.parametrize(("kind", "must_agree"), CASES)
def test_take_turn__one_node_misleads__store_is_as_the_honest_ones_say(
    kind, must_agree, database, template, tmp_path
):
    misleading, honest, other = (LyingChain() for _ in range(3))
    for number in range(1, 12):
        mine((misleading, honest, other), number)
    MISLEADING[kind](misleading)
    nodes = SeveralNodes(
        [misleading, honest, other],
        check=lambda node: check_identity(node, honest.deployment),
        must_agree=must_agree,
    )
    loop = IndexLoop(database, nodes, honest.deployment, Board(CollectorRegistry()))
    for number in range(12, 18):
        mine((misleading, honest, other), number)
        with suppress(MarketError):
            loop.take_turn(NEVER)
    if kind == "stale" and not must_agree:
        nodes.doubt()
    for _ in range(3):
        with suppress(MarketError):
            loop.take_turn(NEVER)
    loop.close()

    fresh = copy_store(template, tmp_path / "fresh.sqlite")
    truth = IndexLoop(fresh, honest, honest.deployment, Board(CollectorRegistry()))
    truth.take_turn(NEVER)
    truth.close()
    found, expected = dump(database), dump(fresh)
    fresh.close()
    assert found == expected
