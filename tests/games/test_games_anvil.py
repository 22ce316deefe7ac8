"""Random games of honest programs in trouble, among liars and strangers: nobody honest is fined.

`GAMES` games are played from the seed `GAMES_SEED` on; `make games` plays 200.
"""

import os

import pytest

from tests.games.game import Game
from tests.games.power import Power, watch_the_disk
from tests.games.reckoning import (
    check_the_honest,
    check_the_journal,
    check_the_liars,
    check_the_pay,
)

pytestmark = pytest.mark.anvil

GAMES = int(os.environ.get("GAMES", "1"))
FIRST = int(os.environ.get("GAMES_SEED", "1"))
LIES = 4
STORMY, CALM = 5, 8


@pytest.mark.parametrize("seed", range(FIRST, FIRST + GAMES))
def test_game__honest_programs_in_trouble__nobody_honest_is_fined(
    world, front, tmp_path, monkeypatch, seed
):
    power = Power()
    game = Game(world, front, tmp_path, power, seed, LIES)
    watch_the_disk(monkeypatch, power)
    try:
        game.play(STORMY, CALM)

        print(seed, dict(game.counts), game.storms.reorgs, game.storms.halts, game.strangers.done)
        print([liar.name for liar in game.liars])
        check_the_honest(game)
        check_the_liars(game)
        check_the_journal(game)
        check_the_pay(game)
    except AssertionError:
        print(tell(world))
        raise
    finally:
        game.close()


def tell(world):
    """Write down every event, for whoever looks for the cause."""
    head = world.rpc.fetch_head()
    raws = world.rpc.fetch_logs(world.decoder.addresses, 0, head.number)
    lines = []
    for raw in raws:
        log = world.decoder.decode(raw, head.timestamp)
        if log is not None:
            [at] = world.rpc.fetch_headers([raw.number])
            lines.append(f"{raw.number} {world.deployment.epoch_of(at.timestamp)} {log.event}")
    return "\n".join(lines)
