"""A benchmark: the same work and answers wherever it runs, only the time differs."""

from dataclasses import replace

import pytest

from peer.benchmark.run import measure_others, run_benchmark
from peer.benchmark.suite import SUITE, SuiteWorkload, name_suite
from peer.own_document import keep_benchmark, read_benchmark
from peer.runtime.errors import StartFailed
from tests.peer.runtime.pools import in_loop

SHORT = (
    SuiteWorkload("integer", "integer", 1_000, 21_015, "50a535f44204b47e"),
    SuiteWorkload("memory", "memory_work", 1_000, 1_079_593, "f6fefefefefefefe"),
    SuiteWorkload("hashing", "hashing", 2, 327_719, "7ef8e5eee9e684e8"),
    SuiteWorkload("float", "floats", 1_000, 21_016, "f00801dc0714eb3f"),
)


@pytest.mark.e2e
@in_loop
async def test_run__twice_with_two_units__same_work_and_name_and_all_steps_told(tmp_path):
    steps = []

    first = await run_benchmark(
        tmp_path / "a", 2, 5, lambda *step: steps.append(step), workloads=SHORT, repeats=1
    )
    again = await run_benchmark(tmp_path / "b", 1, 6, workloads=SHORT, repeats=1)

    assert [(w.name, w.work) for w in first.workloads] == [(w.name, w.fuel) for w in SHORT]
    assert [w.work for w in again.workloads] == [w.work for w in first.workloads]
    assert (first.suite, first.units, first.at) == (again.suite, 2, 5)
    assert first.speed > 0
    assert 0 < first.latency_us[0] <= first.latency_us[1]
    assert steps[-1] == (9, 9)


@pytest.mark.e2e
@in_loop
async def test_run__engine_that_counts_otherwise__has_no_figures(tmp_path):
    other = (replace(SHORT[0], fuel=SHORT[0].fuel + 1),)

    with pytest.raises(StartFailed, match="integer"):
        await run_benchmark(tmp_path, 1, 5, workloads=other, repeats=1)


@pytest.mark.unit
def test_name_suite__any_number_changed__is_another_suite():
    names = {name_suite(SUITE), name_suite(SHORT), name_suite((*SHORT[:3],))}

    assert len(names) == 3
    assert name_suite(SUITE) == name_suite(tuple(SUITE))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("before", "after", "busy"),
    [
        ("cpu 10 0 0 90 0 0 0 0", "cpu 20 0 0 180 0 0 0 0", 10),
        ("cpu 10 0 0 90 0 0 0 0", "cpu 110 0 0 90 0 0 0 0", 100),
        ("cpu 10 0 0 90 0 0 0 0", "cpu 10 0 0 90 0 0 0 0", None),
        ("nonsense", "cpu 1", None),
    ],
)
def test_measure_others__machine_does_something__is_told_in_percent(
    tmp_path, monkeypatch, before, after, busy
):
    stat = tmp_path / "stat"
    stat.write_text(before)
    monkeypatch.setattr("peer.benchmark.run.time.sleep", lambda _: stat.write_text(after))

    assert measure_others(stat=stat) == busy


@pytest.mark.unit
def test_measure_others__no_such_file__is_not_known(tmp_path):
    assert measure_others(0, tmp_path / "none") is None


@pytest.mark.e2e
@in_loop
async def test_keep__result_of_a_run__is_read_back_and_a_damaged_one_is_none(tmp_path):
    ran = await run_benchmark(tmp_path / "run", 1, 5, workloads=SHORT[:1], repeats=1)

    keep_benchmark(tmp_path, ran)
    assert read_benchmark(tmp_path) == ran

    (tmp_path / "benchmark.json").write_text('{"suite": 5}')
    assert read_benchmark(tmp_path) is None
