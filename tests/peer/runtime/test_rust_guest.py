"""Functions written with the guest crate: every type, panics, memory, environment and files."""

import json
from pathlib import Path

import pytest

from examples.build import EXAMPLES, compile_crate, find_compiler, finish_module, read_package
from peer.runtime.errors import GuestMemory, GuestTrap
from peer.runtime.execution.service_host import ServiceHost
from tests.peer.runtime.conftest import BuildHost, ask, run

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(find_compiler() is None, reason="needs Debian's rustc and Wasm library"),
]
CRATE = Path(__file__).parent / "rust_guest"


@pytest.fixture(scope="module")
def wasm() -> bytes:
    return finish_module(
        compile_crate(CRATE, [], EXAMPLES / "guest"), read_package(CRATE), "0.14.0"
    )


@pytest.fixture
def host(build_host: BuildHost, wasm: bytes, tmp_path: Path) -> ServiceHost:
    return build_host(
        wasm,
        warm=True,
        memory=8 << 20,
        storage=tmp_path / "storage",
        envs={"COLOUR": "blue"},
        mapped_dirs={"notes": "/storage/deep/notes"},
    )


def call(host: ServiceHost, function: str, *arguments: object) -> object:
    return json.loads(ask(host, function, json.dumps(arguments).encode()))["result"]


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        ("bools", [True], False),
        ("bytes_1", [250, -1], 249),
        ("shorts", [0, 32767], -32767),
        ("words", [2**32 - 1, -1], 2**32 - 2),
        ("longs", [2**64 - 1, -1], -2),
        ("floats", [1.5, -2.0], -3.0),
        ("single", [3.0], 1.5),
        ("join", ["é", 7, [1, 2]], "é/7/[1, 2]"),
        ("join", ["", 0, ""], "/0/[]"),
        ("nothing", [], None),
        ("variable", ["COLOUR"], "blue"),
        ("variable", ["PATH"], ""),
    ],
)
def test_call__each_type__answers(
    host: ServiceHost, function: str, arguments: list[object], expected: object
) -> None:
    assert call(host, function, *arguments) == expected
    assert call(host, function, *arguments) == expected


def test_call__log_and_print__are_both_in_the_log(host: ServiceHost) -> None:
    assert run(host, "silent", b'["x"]').logs == ["error: no answer", "stdout: printed"]


def test_call__panic__is_a_trap_whose_message_is_in_the_log(host: ServiceHost) -> None:
    answer = run(host, "panics")

    assert answer.status == 1
    assert any("on purpose" in line for line in answer.logs)
    assert call(host, "bools", False) is True


def test_call__one_allocation_too_large__is_a_memory_fault(host: ServiceHost) -> None:
    assert call(host, "eats", 1 << 20) == 1 << 20
    with pytest.raises(GuestMemory, match="8388608"):
        call(host, "eats", 1 << 30)
    assert call(host, "eats", 1 << 20) == 1 << 20


def test_call__panic_with_much_memory_in_use__is_still_a_trap(host: ServiceHost) -> None:
    with pytest.raises(GuestTrap, match="unreachable"):
        call(host, "panics_full", 6 << 20)


def test_call__exit__is_a_trap_with_its_code(host: ServiceHost) -> None:
    with pytest.raises(GuestTrap, match="code 3"):
        call(host, "exits")


def test_files__only_the_service_folder__is_there(host: ServiceHost, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")

    assert call(host, "writes", "/storage/a.txt", "kept") is True
    assert call(host, "writes", "notes/b.txt", "mapped") is True
    assert call(host, "reads", "/storage/deep/notes/b.txt") == "mapped"
    assert call(host, "reads", "/storage/a.txt") == "kept"
    assert (tmp_path / "storage" / "a.txt").read_text() == "kept"
    for path in ("/etc/passwd", "/storage/../secret", str(tmp_path / "secret"), "../secret"):
        assert str(call(host, "reads", path)).startswith("error")


def test_files__link_that_leads_outside__is_not_followed(host: ServiceHost, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "storage" / "link").symlink_to(tmp_path / "secret")

    assert str(call(host, "reads", "/storage/link")).startswith("error")


def test_files__without_storage__there_are_none(build_host: BuildHost, wasm: bytes) -> None:
    bare = build_host(wasm, memory=8 << 20)

    assert call(bare, "writes", "/storage/a.txt", "x") is False
