"""What the compiler knows of each contract: functions with NatSpec, events, reasons, storage.

Facts come from the checked syntax tree, so a function that a module exports, a reason that is four
calls away and an event of an imported interface are all found.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vyper.ast import nodes
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.output import build_layout_output
from vyper.compiler.phases import CompilerData
from vyper.semantics.types import StructT
from vyper.semantics.types.module import InterfaceT

SOURCES = Path(__file__).resolve().parents[2] / "contracts"
CONTRACTS = ("Market", "MarketLens", "Meter", "Audits", "Staking", "Proofs")

_TAG = re.compile(r"@([\w:]+)\s+")


@dataclass(frozen=True, slots=True)
class Natspec:
    """One docstring: text by tag, and parameters by name."""

    tags: dict[str, str]
    params: dict[str, str]


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument, an event's field or a struct's member."""

    name: str
    type: str
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """An external function. `reasons` are all texts it can revert with, `calls` inner names."""

    contract: str
    name: str
    selector: str
    arguments: tuple[Parameter, ...]
    returns: str
    changes_state: bool
    doc: Natspec
    emits: tuple[str, ...]
    reasons: tuple[str, ...]
    calls: frozenset[str]


@dataclass(frozen=True, slots=True)
class Event:
    """An event with the topic that marks it."""

    name: str
    topic: str
    fields: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct of arguments or answers, with the comment above it."""

    name: str
    note: str
    fields: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """A storage variable: `name` with its module."""

    name: str
    type: str
    slot: int


@dataclass(frozen=True, slots=True)
class Contract:
    """Everything that the page says of one contract."""

    name: str
    doc: Natspec
    constructor: Function
    functions: tuple[Function, ...]
    events: tuple[Event, ...]
    structs: tuple[Struct, ...]
    slots: tuple[Slot, ...]


def read_contracts() -> list[Contract]:
    """Read all contracts."""
    return [_read_contract(name) for name in CONTRACTS]


@cache
def compile_module(path: str) -> Any:
    """Return the compiler's data of a source under contracts/, checked but without code."""
    bundle = FilesystemInputBundle([SOURCES])
    return CompilerData(bundle.load_file(SOURCES / path), input_bundle=bundle)


def parse_natspec(text: str) -> Natspec:
    """Read a docstring; line breaks become spaces."""
    tags: dict[str, str] = {}
    params: dict[str, str] = {}
    parts = _TAG.split(inspect.cleandoc(text))
    for tag, body in zip(parts[1::2], parts[2::2], strict=True):
        flat = " ".join(body.split())
        if tag == "param":
            name, _, flat = flat.partition(" ")
            params[name] = flat
        else:
            tags[tag] = flat
    return Natspec(tags, params)


def _read_contract(name: str) -> Contract:
    data = compile_module(f"{name}.vy")
    module = data.global_ctx
    functions = tuple(_read_function(name, each) for each in module.exposed_functions)
    events = {event.name: _read_event(event) for event in module.used_events}
    structs: dict[str, Struct] = {}
    for each in module.exposed_functions:
        for typ in (*(argument.typ for argument in each.arguments), each.return_type):
            structs |= {struct.name: struct for struct in _find_structs(typ)}
    return Contract(
        name,
        parse_natspec(module.decl_node.doc_string.value),
        _read_function(name, module.init_function),
        tuple(sorted(functions, key=lambda function: function.name.lower())),
        tuple(events[key] for key in sorted(events)),
        tuple(structs[key] for key in sorted(structs)),
        tuple(_read_slots(build_layout_output(data).get("storage_layout", {}))),
    )


def _read_function(contract: str, function: Any) -> Function:
    node = function.decl_node
    inner = sorted(function.reachable_internal_functions, key=lambda each: str(each.decl_node.src))
    bodies = [node, *(each.decl_node for each in inner)]
    arguments = tuple(Parameter(each.name, type_name(each.typ)) for each in function.arguments)
    [*_, selector] = function.method_ids.values() if not function.is_constructor else [0]
    doc = getattr(node, "doc_string", None)
    emits = {log.value.func.attr for body in bodies for log in body.get_descendants(nodes.Log)}
    return Function(
        contract,
        function.name,
        f"0x{selector:08x}",
        arguments,
        "" if function.return_type is None else type_name(function.return_type),
        function.is_mutable,
        parse_natspec(doc.value if doc is not None else ""),
        tuple(sorted(emits)),
        tuple(sorted({reason for body in bodies for reason in _find_reasons(body)})),
        frozenset(each.name for each in inner),
    )


def _find_reasons(body: Any) -> Iterator[str]:
    """Find the texts with which a body reverts, also through a call to another of our contracts."""
    for check in body.get_descendants(nodes.Assert):
        if isinstance(check.msg, nodes.Str):
            yield check.msg.value
    for call in body.get_descendants(nodes.Call):
        if getattr(call.func, "attr", getattr(call.func, "id", None)) == "_need":
            yield call.args[1].reduced().value
    for call in body.get_descendants((nodes.ExtCall, nodes.StaticCall)):
        target = call.value.func
        declared = target._metadata["type"].decl_node
        name = "" if declared is None else Path(declared.module_node.path).stem.removeprefix("I")
        if name in CONTRACTS:
            for function in compile_module(f"{name}.vy").global_ctx.exposed_functions:
                if function.name == target.attr:
                    yield from _read_function(name, function).reasons


def _read_event(event: Any) -> Event:
    fields = tuple(
        Parameter(name, type_name(typ), indexed)
        for (name, typ), indexed in zip(event.arguments.items(), event.indexed, strict=True)
    )
    return Event(event.name, f"0x{event.event_id:064x}", fields)


def _find_structs(typ: Any) -> Iterator[Struct]:
    if isinstance(typ, StructT):
        fields = tuple(Parameter(name, type_name(each)) for name, each in typ.members.items())
        yield Struct(typ.name, _read_note(typ.name), fields)
        for each in typ.members.values():
            yield from _find_structs(each)
    elif getattr(typ, "value_type", None) is not None:
        yield from _find_structs(typ.value_type)


def _read_note(struct: str) -> str:
    """Return the comment right above a struct of the interfaces; types do not know where it is."""
    for path in sorted((SOURCES / "interfaces").glob("*.vyi")):
        found = re.search(
            rf"((?:^#.*\n)*)^struct {struct}:", path.read_text(encoding="utf-8"), re.MULTILINE
        )
        if found is not None:
            return " ".join(line.removeprefix("#").strip() for line in found[1].splitlines())
    return ""


def type_name(typ: Any) -> str:
    """Write a type as its reader knows it: interfaces are addresses, structs have their name."""
    if isinstance(typ, StructT):
        return str(typ.name)
    if isinstance(typ, InterfaceT):
        return "address"
    if hasattr(typ, "member_types"):
        return f"({', '.join(type_name(each) for each in typ.member_types)})"
    if type(typ).__name__ == "DArrayT":
        return f"DynArray[{type_name(typ.value_type)}, {typ.length}]"
    return str(typ)


def _read_slots(layout: dict[str, Any], module: str = "") -> Iterator[Slot]:
    for name, entry in layout.items():
        if "slot" in entry:
            yield Slot(module + name, entry["type"], entry["slot"])
        else:
            yield from _read_slots(entry, f"{name}.")
