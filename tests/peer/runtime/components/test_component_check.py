"""What a component says of itself, read without compiling it."""

import pytest

from peer.runtime.abi.described import describe_interface
from peer.runtime.components.binary import ALIAS, MAGIC
from peer.runtime.components.check import plan_component
from peer.runtime.effectors.signatures import Grants
from peer.runtime.errors import EffectorRefused, ModuleError
from tests.peer.runtime.components.wat_components import (
    ALL_TYPES,
    COUNTER,
    DICE,
    ECHO,
    build_component,
    build_functions,
)

pytestmark = pytest.mark.unit
NOTHING = Grants(effectors=frozenset())


def test_interface__names_of_wit__read_with_underscores():
    described = describe_interface(plan_component(ECHO).interface)

    assert described["functions"][1] == {
        "name": "echo_bytes",
        "arguments": [{"name": "data", "type": "bytes"}],
        "output": "bytes",
    }


def test_interface__every_type__described():
    described = describe_interface(plan_component(ALL_TYPES).interface)
    fields = {part["name"]: part["type"] for part in described["records"][0]["fields"]}

    assert fields["points"] == "[point]"
    assert fields["maybe"] == "option<u32>"
    assert fields["ended"] == "result<string, u8>"
    assert fields["pair"] == "tuple<u8, string>"
    assert fields["l"] == "char"
    assert described["records"][1] == {
        "name": "point",
        "fields": [{"name": "x", "type": "s32"}, {"name": "first_name", "type": "string"}],
    }
    assert described["variants"] == [
        {
            "name": "kind",
            "cases": [{"name": "low", "type": None}, {"name": "very_high", "type": None}],
        },
        {
            "name": "shape",
            "cases": [{"name": "circle", "type": "f64"}, {"name": "none", "type": None}],
        },
    ]
    assert described["flags"] == [{"name": "access", "flags": ["read", "write_all"]}]


def test_interface__of_an_exported_instance__names_both():
    wasm = build_functions(
        '(func (export "now") (result i32) (i32.const 1))',
        """
        (func $now (result u32) (canon lift (core func $m "now")))
        (component $shim (import "f" (func $f (result u32))) (export "now" (func $f)))
        (instance $clock (instantiate $shim (with "f" (func $now))))
        (export "my:app/house-clock@1.0.0" (instance $clock))
        """,
    )

    assert list(plan_component(wasm).interface.functions) == ["house_clock.now"]


def test_effector__listed_by_the_app__accepted():
    plan = plan_component(COUNTER, Grants(effectors=frozenset({"kv"})))

    assert plan.effectors == {"kv"}


def test_effector__not_listed_by_the_app__refused_by_name():
    with pytest.raises(EffectorRefused, match="does not ask for the effector kv"):
        plan_component(COUNTER, NOTHING)


def test_effector__in_a_deterministic_service__refused():
    with pytest.raises(EffectorRefused, match="its service is deterministic"):
        plan_component(COUNTER, Grants(frozenset({"kv"}), is_deterministic=True))


def test_randomness__in_a_deterministic_service__given_by_the_host():
    plan = plan_component(DICE, Grants(frozenset(), is_deterministic=True))

    assert [(entry.interface, entry.name) for entry in plan.replayed] == [
        ("wasi:random/random", "get-random-u64"),
        ("wasi:clocks/monotonic-clock", "now"),
    ]


@pytest.mark.parametrize(
    ("imported", "words"),
    [
        (
            '(import "wasmarket:guest/kv@1.0.0" (instance (export "add" (func (param "k" u8)))))',
            "with other types than it has",
        ),
        (
            '(import "wasmarket:guest/kv@2.0.0" (instance (export "add" (func))))',
            "does not provide",
        ),
        (
            '(import "wasmarket:guest/moon@1.0.0" (instance (export "f" (func))))',
            "does not provide",
        ),
        (
            '(import "wasi:http/outgoing-handler@0.2.0" (instance (export "f" (func))))',
            "does not provide",
        ),
        ('(import "own:thing/api" (instance (export "f" (func))))', "does not provide"),
        ('(import "run" (func))', "does not provide"),
    ],
)
def test_import__that_is_not_ours__refused(imported, words):
    wasm = build_component(
        imported + '(core module $c (func (export "f"))) (core instance $m (instantiate $c))'
        '(func (export "f") (canon lift (core func $m "f")))'
    )

    with pytest.raises(ModuleError, match=words):
        plan_component(wasm)


def test_function__with_a_resource__refused():
    wasm = build_component(
        """
        (type $r (resource (rep i32))) (export $file "file" (type $r))
        (core module $c (func (export "f") (param i32)))
        (core instance $m (instantiate $c))
        (func (export "f") (param "file" (own $file)) (canon lift (core func $m "f")))
        """
    )

    with pytest.raises(ModuleError, match="takes or gives a resource"):
        plan_component(wasm)


def test_component__without_functions__refused():
    with pytest.raises(ModuleError, match="exports no function"):
        plan_component(build_component(""))


def test_core_module__as_component__refused_with_what_to_say():
    with pytest.raises(ModuleError, match="but a core module"):
        plan_component(b"\0asm\x01\0\0\0")


def test_type__that_doubles_at_every_step__refused_before_it_grows():
    steps = "".join(f"(type $t{n + 1} (tuple $t{n} $t{n}))" for n in range(40))
    wasm = build_component(
        f"(type $t0 (tuple u8 u8)) {steps}"
        '(core module $c (func (export "f"))) (core instance $m (instantiate $c))'
        '(func (export "f") (canon lift (core func $m "f")))'
    )

    with pytest.raises(ModuleError, match="a type of more than"):
        plan_component(wasm)


def test_reference__to_a_scope_far_outside__refused_at_once():
    alias = bytes([1, 3, 2]) + b"\xff\xff\xff\xff\x0f" + bytes([0])

    with pytest.raises(ModuleError, match="around it that is not there"):
        plan_component(MAGIC + bytes([ALIAS, len(alias)]) + alias)


def export_often(members: str, names: int) -> bytes:
    """A component that exports one instance, of these members, under many names."""
    exports = "".join(f'(export "e{name}" (instance $i))' for name in range(names))
    return build_component(
        f'(type $t (tuple {"u8 " * 1_000})) (import "my:own/i" (instance $i '
        f"(alias outer 1 $t (type $t)) {members})) {exports}"
    )


def test_instance__exported_under_many_names__counts_with_each():
    members = "".join(f'(export "f{name}" (func))' for name in range(150))

    with pytest.raises(ModuleError, match="more than 20000 items"):
        plan_component(export_often(members, 150))


@pytest.mark.parametrize(("parameters", "names"), [(5, 1), (4, 17)])
def test_functions__of_too_many_parts__refused_before_they_are_written_out(parameters, names):
    given = "".join(f'(param "p{n}" $t)' for n in range(parameters))

    with pytest.raises(ModuleError, match=r"more than (4096|65536) parts"):
        plan_component(export_often(f'(export "f" (func {given}))', names))


def test_bytes__cut_or_changed_anywhere__raise_nothing_but_module_errors():
    for at in range(0, len(ALL_TYPES), 3):
        for damaged in (
            ALL_TYPES[:at],
            ALL_TYPES[:at] + bytes([ALL_TYPES[at] ^ 0x55]) + ALL_TYPES[at + 1 :],
        ):
            try:
                plan_component(damaged)
            except ModuleError:
                continue
