"""Synthetic markets: equal seeds give equal markets on any machine (see the README here)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from matcher.engine.index.order_book import OrderBook
from matcher.engine.values import Ask, Demand, Peer
from wasmarket.kernel.addresses import ZERO_ADDRESS, ZERO_HASH
from wasmarket.kernel.signing.offers import (
    DeveloperOffer,
    PriceKind,
    ProviderOffer,
    ProvidersMode,
)
from wasmarket.kernel.units import Address, Hash

NOW = 1_800_000_000
REGIONS = 40
TRAITS = 8
MEMORY_MIB = (1_024, 2_048, 4_096, 8_192, 16_384)
PEERS_OF_A_PROVIDER = 8
CENT = 10_000
"""USDC base units."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a market is drawn from. `large` of a thousand peers are large and cheap ones."""

    offers: int
    seed: int = 1
    large: int = 0

    @property
    def peers(self) -> int:
        """How many peers there are: a quarter of the offers is the second one of a peer."""
        return max(1, self.offers * 4 // 5)


def build_book(shape: Shape) -> OrderBook:
    """Return the book of a market."""
    return OrderBook.load(NOW, draw_peers(shape), {}, draw_asks(shape))


def draw_peers(shape: Shape) -> Iterator[Peer]:
    """Yield the peers, numbered from 1."""
    draw = np.random.Generator(np.random.PCG64([shape.seed, 1]))
    count = shape.peers
    is_large = _is_large(shape)
    providers = draw.integers(0, max(1, count // PEERS_OF_A_PROVIDER), count)
    providers = np.where(is_large, providers % 10, providers + 10)
    units = np.where(
        is_large,
        draw.integers(1_000, 4_000, count),
        draw.integers(1, 5 if shape.large else 33, count),
    )
    used = np.where(draw.random(count) < 0.5, draw.integers(0, units + 1), 0)
    # Regions are as unequal as the number of machines in real ones: the k-th has 1/k of the first.
    weights = 1 / np.arange(1, REGIONS + 1)
    regions = draw.choice(REGIONS, count, p=weights / weights.sum())
    memory = draw.choice(MEMORY_MIB, count)
    traits = (draw.random((count, TRAITS)) < 0.4) @ (1 << np.arange(TRAITS))
    columns = (providers, units, used, memory, regions, traits)
    for number, line in enumerate(zip(*(c.tolist() for c in columns), strict=True), 1):
        yield Peer(number, _account(line[0]), *line[1:])


def draw_asks(shape: Shape) -> Iterator[Ask]:
    """Yield the asks in order of arrival: every peer one, and a quarter of them a second."""
    draw = np.random.Generator(np.random.PCG64([shape.seed, 2]))
    count = shape.offers
    second = draw.integers(1, shape.peers + 1, count - shape.peers)
    peers = np.concatenate([np.arange(1, shape.peers + 1), second])
    is_large = _is_large(shape)[peers - 1]
    prices = np.where(
        is_large,
        draw.integers(5 * CENT, 8 * CENT, count),
        draw.integers(6 * CENT, 60 * CENT, count),
    )
    private = draw.random(count) < 0.02
    order = draw.permutation(count)
    names = draw.bytes(32 * count)
    for sequence, row in enumerate(order.tolist()):
        yield Ask(
            Hash("0x" + names[32 * row : 32 * row + 32].hex()),
            ProviderOffer(
                peer=int(peers[row]),
                kind=PriceKind.RESERVED,
                price=int(prices[row]),
                developer=_developer(row % 50) if private[row] else ZERO_ADDRESS,
                valid_until=NOW + 86_400 + row,
                counter=0,
                salt=row,
            ),
            sequence,
        )


def draw_demands(shape: Shape, count: int) -> Iterator[Demand]:
    """Yield developer offers for the market: most of them modest, some of them hard to please."""
    draw = np.random.Generator(np.random.PCG64([shape.seed, 3]))
    for number in range(count):
        units = int(min(200, 1 + draw.geometric(0.08)))
        wishes = draw.random(8)
        max_price = int(draw.integers(7 * CENT, 40 * CENT))
        regions = 0
        if wishes[0] < 0.3:
            regions = sum({1 << int(r) for r in draw.integers(0, REGIONS, draw.integers(1, 9))})
        mode = ProvidersMode.ANY
        providers: tuple[Address, ...] = ()
        if wishes[1] < 0.1:
            mode = ProvidersMode.ONLY if wishes[1] < 0.01 else ProvidersMode.EXCEPT
            most = max(1, shape.peers // PEERS_OF_A_PROVIDER)
            providers = tuple(_account(int(n)) for n in draw.integers(0, most, 8))
        yield Demand(
            hash=Hash("0x" + draw.bytes(32).hex()),
            offer=DeveloperOffer(
                developer=_developer(number % 50),
                app=ZERO_HASH,
                min_units=units if wishes[2] < 0.3 else 1,
                units=units,
                max_units_per_provider=max(1, units // 2) if wishes[3] < 0.3 else 0,
                min_regions=min(units, int(draw.integers(2, 4))) if wishes[4] < 0.2 else 0,
                meter=ZERO_ADDRESS,
                max_price=max_price,
                epochs=0,
                deposit=units * max_price * (1 if wishes[5] < 0.1 else 100),
                min_memory_mib=int(draw.choice(MEMORY_MIB)) if wishes[6] < 0.3 else 0,
                regions=regions,
                traits=1 << int(draw.integers(0, TRAITS)) if wishes[7] < 0.3 else 0,
                providers=providers,
                providers_mode=mode,
                matcher=ZERO_ADDRESS,
                tip=0,
                valid_until=NOW + 86_400,
                counter=0,
                salt=number,
            ),
            sequence=number,
            balance=units * max_price * (1 if wishes[5] < 0.1 else 100),
        )


def _is_large(shape: Shape) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    draw = np.random.Generator(np.random.PCG64([shape.seed, 4]))
    return draw.integers(0, 1_000, shape.peers) < shape.large


def _account(number: int) -> Address:
    return Address(f"0x{number + 1:040x}")


def _developer(number: int) -> Address:
    return Address(f"0xd{number + 1:039x}")
