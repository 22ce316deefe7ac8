"""Which worker runs on which core."""

import os

import pytest

from peer.runtime.workers.cores import Cores, pin_process

pytestmark = pytest.mark.unit


class Worker:
    """Notes where it was told to run."""

    def __init__(self):
        self.at = None

    def pin(self, cores):
        self.at = set(cores)


class Ended:
    def pin(self, cores):
        raise ProcessLookupError(3, "No such process")


class Confined:
    def pin(self, cores):
        raise PermissionError(1, "Operation not permitted")


def place(cores, count):
    workers = [Worker() for _ in range(count)]
    for worker in workers:
        cores.place(worker)
    return workers


def test_place__a_core_for_every_unit__gives_each_worker_its_own():
    cores = Cores((2, 3, 5))
    cores.plan(3)

    assert [worker.at for worker in place(cores, 3)] == [{2}, {3}, {5}]
    assert cores.state == "on"


def test_place__more_units_than_cores__pins_nothing_and_says_so():
    cores = Cores((0, 1))
    cores.plan(3)

    assert [worker.at for worker in place(cores, 2)] == [None, None]
    assert cores.state == "off: 3 units, 2 cores"


def test_place__not_wanted_or_no_units_known__pins_nothing():
    unwanted, unknown = Cores(), Cores((0, 1))
    unwanted.plan(1)

    assert [worker.at for worker in (*place(unwanted, 1), *place(unknown, 1))] == [None, None]
    assert unwanted.state == "off: not wanted"


def test_plan__units_bought_and_given_up__frees_and_pins_what_runs():
    cores = Cores((0, 1))
    cores.plan(2)
    workers = place(cores, 2)

    cores.plan(3)
    assert [worker.at for worker in workers] == [{0, 1}, {0, 1}]
    cores.plan(2)
    assert [worker.at for worker in workers] == [{0}, {1}]


def test_release__during_an_update__moves_who_shares_a_core():
    cores = Cores((0, 1))
    cores.plan(2)
    first, old = place(cores, 2)
    (new,) = place(cores, 1)
    assert new.at == first.at == {0}

    cores.release(old)

    assert {*first.at, *new.at} == {0, 1}


def test_pin__worker_that_has_ended__changes_nothing():
    cores = Cores((0,))
    cores.plan(1)
    cores.place(Ended())

    assert cores.state == "on"


def test_pin__refused_by_the_system__is_said():
    cores = Cores((0,))
    cores.plan(1)
    cores.place(Confined())

    assert cores.state == "off: the system refuses it: Operation not permitted"


def test_pin_process__that_has_ended__says_so():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

    with pytest.raises(ProcessLookupError):
        pin_process(pid, frozenset(os.sched_getaffinity(0)))
