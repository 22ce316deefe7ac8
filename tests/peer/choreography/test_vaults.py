"""Files of a particle: written by scripts, seen by services while they are called for it."""

import asyncio
import os
from pathlib import PurePosixPath

import pytest

from peer.choreography.identities import Identities
from peer.choreography.live import LiveParticle
from peer.choreography.trail import Trails
from peer.choreography.vaults.places import MOST, VaultPlace
from peer.choreography.vaults.vaults import ParticleVaults
from tests.peer.choreography.avm_bench import DOMAIN, build_particle, key_of
from wasmarket.kernel.errors import InvalidInput, LimitReached, NotFound

pytestmark = pytest.mark.unit


class World:
    """Vaults, a worker and two services' places."""

    def __init__(self, folder):
        identities = Identities(key_of(9), DOMAIN)
        identities.take({1: 7})
        self.worker = identities.worker_of(1)
        self.own = identities.own
        self.vaults = ParticleVaults(folder / "vaults")
        self.trails = Trails()
        self.storages = [folder / name for name in ("a", "b")]
        for storage in self.storages:
            storage.mkdir()
        self.places = [VaultPlace(s, PurePosixPath("vault")) for s in self.storages]

    def live(self, **terms):
        particle = build_particle(8, "(null)", **terms)
        return LiveParticle(particle, self.trails.open(particle))

    async def mount(self, live, work=lambda folder: None, place=0):
        """Have a service do `work` with the folder that it sees."""
        async with self.vaults.mounted(live, self.worker, self.places[place]) as token:
            [found] = self.places[place].path.iterdir()
            assert found.name == f"{live.particle.id}-{token}"
            work(found)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_vault__file_of_a_script__is_seen_by_services_and_read_back(world):
    live = world.live()

    async def run():
        path = await world.vaults.put(live, world.worker, "hello")
        name = path.rpartition("/")[2]
        await world.mount(
            live, lambda folder: (folder / "made").write_text((folder / name).read_text().upper())
        )
        made = path.replace(name, "made")
        return path, await world.vaults.cat(live, world.worker, made)

    path, text = asyncio.run(run())

    assert path.startswith(f"/tmp/vault/{live.particle.id}-")
    assert text == "HELLO"
    assert list(world.places[0].path.iterdir()) == [], "nothing is there between calls"


def test_vault__of_another_particle__is_not_found(world):
    one, other = world.live(), world.live()

    async def run():
        path = await world.vaults.put(one, world.worker, "secret")
        await world.vaults.put(other, world.worker, "")
        with pytest.raises(InvalidInput, match="no file of this particle's vault"):
            await world.vaults.cat(other, world.worker, path)
        seen = []
        await world.mount(other, lambda folder: seen.extend(folder.parent.iterdir()))
        assert len(seen) == 1, "only the vault of the call's own particle"

    asyncio.run(run())


@pytest.mark.parametrize("name", ["../x", "a/../../x", "", ".", "a//b", "\0"])
def test_vault__path_that_leads_out__is_refused(world, name):
    live = world.live()

    async def run():
        path = await world.vaults.put(live, world.worker, "x")
        await world.vaults.cat(live, world.worker, path.rpartition("/")[0] + "/" + name)

    with pytest.raises(InvalidInput):
        asyncio.run(run())


def test_vault__on_a_host__is_refused(world):
    with pytest.raises(InvalidInput, match="a vault is of a worker"):
        asyncio.run(world.vaults.put(world.live(), world.own, "x"))


def test_vault__two_services_at_once__see_it_one_after_the_other(world):
    live = world.live()
    order = []

    async def hold(place, seconds):
        async with world.vaults.mounted(live, world.worker, world.places[place]):
            order.append(("in", place))
            await asyncio.sleep(seconds)
            order.append(("out", place))

    async def run():
        await asyncio.gather(hold(0, 0.01), hold(0, 0.02), hold(1, 0))

    asyncio.run(run())

    assert order.index(("in", 1)) == 4, "after both calls of the other service"


def test_vault__link_in_the_vault__is_not_followed(world, tmp_path):
    live = world.live()
    (tmp_path / "host").write_text("of the host")

    async def run():
        path = await world.vaults.put(live, world.worker, "x")
        await world.mount(live, lambda folder: os.symlink(tmp_path / "host", folder / "link"))
        await world.vaults.cat(live, world.worker, path.rpartition("/")[0] + "/link")

    with pytest.raises(NotFound):
        asyncio.run(run())


@pytest.mark.parametrize("deed", ["removed", "a link", "a file", "too much"])
def test_vault__that_a_service_spoils__is_emptied_and_the_trail_says_so(world, tmp_path, deed):
    live = world.live()
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "kept").write_text("of the host")

    def spoil(folder):
        if deed == "too much":
            for number in range(MOST.entries + 1):
                (folder / str(number)).touch()
            return
        folder.rmdir()
        if deed == "a link":
            folder.symlink_to(tmp_path / "host")
        elif deed == "a file":
            folder.write_text("x")

    async def run():
        await world.mount(live, spoil)
        seen = []
        await world.mount(live, lambda folder: seen.extend(folder.iterdir()))
        return seen

    assert asyncio.run(run()) == []
    assert "vault was emptied" in live.trail.problems[0]
    assert (tmp_path / "host" / "kept").read_text() == "of the host"


def test_vault__place_that_is_a_link__is_not_followed(world, tmp_path):
    (tmp_path / "host").mkdir()
    (world.storages[0] / "vault").symlink_to(tmp_path / "host")

    with pytest.raises(OSError, match=r"vault|link|directory"):
        asyncio.run(world.mount(world.live()))

    assert list((tmp_path / "host").iterdir()) == []


def test_vault__of_an_earlier_run__is_gone(world, tmp_path):
    world.places[0].path.mkdir()
    (world.places[0].path / "old").mkdir()
    asyncio.run(world.vaults.put(world.live(), world.worker, "x"))

    again = World.__new__(World)
    again.__dict__.update(world.__dict__, vaults=ParticleVaults(tmp_path / "vaults"))

    assert not (tmp_path / "vaults").exists()
    asyncio.run(again.mount(again.live()))


def test_vault__of_a_particle_whose_time_is_over__is_removed(world, tmp_path):
    live = world.live(timestamp=1_000, ttl=1)
    asyncio.run(world.vaults.put(live, world.worker, "x"))

    world.vaults.prune()

    assert len(world.vaults) == 0
    assert list((tmp_path / "vaults").iterdir()) == []


def test_vault__of_more_bytes_than_it_may_hold__takes_no_more(world):
    live = world.live()

    async def run():
        while True:
            await world.vaults.put(live, world.worker, "x" * (1 << 20))

    with pytest.raises(LimitReached, match="the vault holds"):
        asyncio.run(run())
