"""The page of the contracts: complete, and true of the code."""

import re
from dataclasses import fields as members
from itertools import accumulate

import pytest

from tools.contract_docs.facts import CONTRACTS, Function, Natspec, parse_natspec, read_contracts
from tools.contract_docs.packed import read_fields
from tools.contract_docs.page import ROLES, build_page
from tools.contract_docs.texts import Unexplained, explain_getter, explain_slot, say_who
from wasmarket.chain.contracts.abi import load_abi
from wasmarket.chain.contracts.packed_words import (
    AccountWord,
    AssignmentWord,
    DealWord,
    OfferWord,
    PeerExtraWord,
    PeerWord,
)

pytestmark = pytest.mark.unit

WORDS = {
    "ledger._accounts": AccountWord,
    "offers._offers": OfferWord,
    "peers._peers": PeerWord,
    "peers._extras": PeerExtraWord,
    "deals._deals": DealWord,
    "assignments._assignments": AssignmentWord,
}


@pytest.fixture(scope="module")
def contracts():
    return {contract.name: contract for contract in read_contracts()}


@pytest.fixture(scope="module")
def page():
    return build_page()


def function(**changes):
    members = {
        "contract": "Market",
        "name": "dance",
        "selector": "0x00000000",
        "arguments": (),
        "returns": "",
        "changes_state": True,
        "doc": Natspec({"notice": "Dance."}, {}),
        "emits": (),
        "reasons": (),
        "calls": frozenset(),
    }
    return Function(**(members | changes))


def test_build_page__twice__is_the_same(page):
    assert build_page() == page


@pytest.mark.parametrize("contract", CONTRACTS)
def test_build_page__every_function_and_event_of_the_abi__is_there(page, contract):
    chapter = page.split(f"\n## {contract}\n")[1].split("\n## ")[0]
    abi = load_abi(contract)

    for name, known in abi.functions.items():
        assert re.search(rf"`{name}\(.*`0x{known.selector.hex()}`", chapter), name
    for name, event in abi.events.items():
        assert re.search(rf"\| `{name}` \|.*`{event.topic}`", chapter), name


def test_read_contracts__reason_behind_two_contracts__belongs_to_the_caller(contracts):
    [register] = [f for f in contracts["Market"].functions if f.name == "register_peer"]

    assert "staking: bond not covered" in register.reasons
    assert "peers: no units" in register.reasons


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("set_paused", "the owner"),
        ("stop", "the deal's developer"),
        ("drop", "the deal's developer"),
        ("leave", "the peer's wallet or provider"),
        ("set_units", "the peer's provider"),
        ("claim", "anybody"),
        ("evict", "anybody"),
    ],
)
def test_say_who__market__follows_natspec(contracts, name, who):
    [found] = [f for f in contracts["Market"].functions if f.name == name]

    assert say_who(found) == who


def test_say_who__guarded_but_not_said__is_refused():
    with pytest.raises(Unexplained, match="say in @notice who may call it"):
        say_who(function(calls=frozenset({"_check_owner"})))


def test_roles__every_call_of_the_owner__is_explained(contracts):
    owned = [
        f"{each.contract}.{each.name}"
        for contract in contracts.values()
        for each in contract.functions
        if each.changes_state and "owner" in say_who(each)
    ]
    assert owned == ["Market.accept_ownership", "Market.offer_ownership", "Market.set_paused"]
    told = set(re.findall(r"^\| `(\w+\.\w+)\(", ROLES.read_text("utf-8"), re.MULTILINE))
    assert told == set(owned)


@pytest.mark.parametrize("variable", WORDS)
def test_read_fields__packed_record__is_what_the_client_unpacks(variable):
    kind = WORDS[variable]
    names = [member.name.removesuffix("_number") for member in members(kind)]
    lows = accumulate(kind.WIDTHS, initial=0)

    fields = [(field.name, field.low, field.bits) for field in read_fields(variable)]

    assert fields == list(zip(names, lows, kind.WIDTHS, strict=False))


def test_explain__unknown_storage_or_variable__is_refused():
    with pytest.raises(Unexplained, match="what _gold holds"):
        explain_slot("Market", "_gold")
    with pytest.raises(Unexplained, match="what dance is"):
        explain_getter(function(doc=Natspec({}, {})), function())


def test_parse_natspec__lines_and_tags__become_text():
    doc = parse_natspec(
        """
        @notice Do it
                now.
        @param a The first,
                 long.
        @custom:kill Never.
        """
    )

    assert doc == Natspec(
        {"notice": "Do it now.", "custom:kill": "Never."}, {"a": "The first, long."}
    )
