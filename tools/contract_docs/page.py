"""Write `docs/contracts.md`."""

from collections.abc import Iterator
from pathlib import Path

from tools.contract_docs.facts import Contract, Function, Parameter, read_contracts
from tools.contract_docs.packed import Field, read_fields
from tools.contract_docs.texts import explain_getter, explain_slot, say_who

ROLES = Path(__file__).with_name("roles.md")

HEAD = """# Contracts

Generated from NatSpec and the compiler by `make generate`.
The rules behind it: [contracts-law.md](contracts-law.md); how to integrate:
[how-to/integrate-the-contracts.md](how-to/integrate-the-contracts.md); numbers of
reasons: [reasons.md](reasons.md); ABIs: `wasmarket/kernel/abi/`; gas: [bench](../bench/README.md).

Amounts are base units: USDC 6 decimals, FLT 18. An epoch is `block.timestamp // EPOCH_SECONDS`. No
contract can be upgraded, and none has
a parameter that can be changed.

"Logs" and "May revert with" say what the code behind a function holds, in any
contract of ours that it calls, also where the arguments of the function rule it out.
A number that does not fit its field reverts without a text.
"""


def build_page() -> str:
    """Return the whole page."""
    contracts = read_contracts()
    parts = [HEAD, ROLES.read_text(encoding="utf-8"), *_write_kill(contracts)]
    for contract in contracts:
        parts += _write_contract(contract)
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _write_kill(contracts: list[Contract]) -> Iterator[str]:
    yield "## Shutting down"
    rows = [f"| {c.name} | {c.doc.tags['custom:kill']} |" for c in contracts]
    yield "\n".join(["| contract | how |", "|---|---|", *rows])


def _write_contract(contract: Contract) -> Iterator[str]:
    yield f"## {contract.name}"
    yield contract.doc.tags["notice"]
    if "dev" in contract.doc.tags:
        yield contract.doc.tags["dev"]
    yield "### Constructor"
    yield contract.constructor.doc.tags["notice"]
    yield _write_parameters(contract.constructor)
    changing = [function for function in contract.functions if function.changes_state]
    if changing:
        yield "### Functions"
        for function in changing:
            yield from _write_function(function)
    yield from _write_views(contract)
    yield from _write_structs(contract)
    yield from _write_events(contract)
    yield from _write_reasons(contract)
    yield from _write_storage(contract)


def _write_function(function: Function) -> Iterator[str]:
    yield f"#### {function.contract}.{function.name}"
    yield f"`{_signature(function)}` · `{function.selector}` · may be called by {say_who(function)}"
    yield function.doc.tags["notice"]
    if function.arguments:
        yield _write_parameters(function)
    ends = []
    if function.returns:
        ends.append(f"Returns `{function.returns}`: {function.doc.tags['return']}")
    if function.emits:
        ends.append("Logs " + ", ".join(f"`{name}`" for name in function.emits) + ".")
    if function.reasons:
        ends.append("May revert with " + ", ".join(f"`{text}`" for text in function.reasons) + ".")
    if ends:
        yield "\n".join(f"- {line}" for line in ends)


def _write_parameters(function: Function) -> str:
    rows = [
        f"| `{each.name}` | `{each.type}` | {function.doc.params[each.name]} |"
        for each in function.arguments
    ]
    return "\n".join(["| argument | type | |", "|---|---|---|", *rows])


def _write_views(contract: Contract) -> Iterator[str]:
    yield "### Views"
    rows = ["| view | selector | returns | |", "|---|---|---|---|"]
    for function in contract.functions:
        if not function.changes_state:
            text = explain_getter(function, contract.constructor)
            answer = function.doc.tags.get("return", "")
            rows.append(
                f"| `{_signature(function)}` | `{function.selector}` | `{function.returns}` "
                f"| {text}{' ' if answer else ''}{answer} |"
            )
    yield "\n".join(rows)


def _write_structs(contract: Contract) -> Iterator[str]:
    if contract.structs:
        yield "### Structs"
        rows = ["| struct | members | |", "|---|---|---|"]
        rows += [f"| `{s.name}` | {_list(s.fields)} | {s.note} |" for s in contract.structs]
        yield "\n".join(rows)


def _write_events(contract: Contract) -> Iterator[str]:
    if contract.events:
        yield "### Events"
        yield "Fields in *italics* are indexed."
        rows = ["| event | fields | topic |", "|---|---|---|"]
        rows += [f"| `{e.name}` | {_list(e.fields)} | `{e.topic}` |" for e in contract.events]
        yield "\n".join(rows)


def _write_reasons(contract: Contract) -> Iterator[str]:
    users: dict[str, list[str]] = {}
    for function in (contract.constructor, *contract.functions):
        for reason in function.reasons:
            users.setdefault(reason, []).append(function.name)
    if users:
        yield "### Reasons of reverts"
        rows = ["| reason | of |", "|---|---|"]
        rows += [f"| `{r}` | {', '.join(f'`{n}`' for n in users[r])} |" for r in sorted(users)]
        yield "\n".join(rows)


def _write_storage(contract: Contract) -> Iterator[str]:
    if not contract.slots:
        return
    yield "### Storage"
    yield "Packed words list their fields from the lowest bit up, as `name` first bit … last bit."
    rows = ["| slot | variable | type | holds | bits |", "|---|---|---|---|---|"]
    for slot in contract.slots:
        fields = read_fields(slot.name)
        bits = " · ".join(_write_bits(field) for field in fields)
        holds = explain_slot(contract.name, slot.name)
        rows.append(f"| {slot.slot} | `{slot.name}` | `{slot.type}` | {holds} | {bits} |")
    yield "\n".join(rows)


def _write_bits(field: Field) -> str:
    last = field.low + field.bits - 1
    return f"`{field.name}` {field.low}" + (f" … {last}" if field.bits > 1 else "")


def _signature(function: Function) -> str:
    inner = ", ".join(f"{each.type} {each.name}" for each in function.arguments)
    return f"{function.name}({inner})"


def _list(fields: tuple[Parameter, ...]) -> str:
    return ", ".join(
        f"*`{each.name}`* `{each.type}`" if each.indexed else f"`{each.name}` `{each.type}`"
        for each in fields
    )
