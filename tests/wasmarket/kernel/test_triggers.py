"""Triggers in a manifest: read, refused, and written as they were."""

import pytest

from wasmarket.kernel.documents.manifest import dump_manifest, parse_manifest, read_manifest
from wasmarket.kernel.errors import InvalidInput

pytestmark = pytest.mark.unit
CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


def manifest(*triggers: object) -> dict[str, object]:
    module = {"name": "m", "cid": CID}
    service = {"name": "app", "total_memory_limit": 65536, "modules": [module]}
    return {"wasmarket": 1, "name": "a", "services": [service], "triggers": list(triggers)}


def cron(**changes: object) -> dict[str, object]:
    usual = {"kind": "cron", "service": "app", "function": "f", "expression": "*/5 * * * *"}
    return {**usual, **changes}


def every(**changes: object) -> dict[str, object]:
    return {"kind": "every", "service": "app", "function": "f", "seconds": 60, **changes}


def test_triggers__of_every_kind__written_as_they_were_read():
    read = read_manifest(
        manifest(
            {"kind": "http", "service": "app", "function": "site"},
            cron(zone="Europe/Berlin", jitter_s=5, arguments=["x", {"y": 1}], retries=3),
            every(first_s=7, run="each", overlap="queue", catch_up="all", grace_s=3),
            {"kind": "start", "service": "app", "function": "begin"},
            {"kind": "update", "service": "app", "function": "move"},
        )
    )

    assert parse_manifest(dump_manifest(read)) == read
    assert read.site is not None
    assert [trigger.kind for trigger in read.triggers] == ["cron", "every", "start", "update"]
    assert read.triggers[0].arguments == b'["x",{"y":1}]'
    assert read.triggers[2].run == "each"


def test_manifest__without_triggers__keeps_its_id():
    assert dump_manifest(read_manifest(manifest())).endswith(b'"triggers":[],"wasmarket":1}')


def test_key__of_a_trigger__changes_with_what_it_says():
    first, same, other = read_manifest(manifest(every(), every(), every(seconds=61))).triggers

    assert first.key == same.key != other.key


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (cron(expression="0 0 31 2 *"), "never fires"),
        (cron(expression="61 * * * *"), "never fires"),
        (cron(expression="* * * * * *"), "has 6 fields"),
        (cron(zone="Mars/Olympus"), "is no time zone"),
        (cron(seconds=5), "seconds is not known"),
        (every(seconds=0), "give an integer"),
        (every(first_s=60), "give an integer"),
        (every(service="other"), "choose from app"),
        (every(arguments="x"), "is not a list"),
        (every(arguments=["x" * 20_000]), "have 20004 bytes"),
        ({"kind": "start", "service": "app", "function": "f", "run": "one"}, "choose from each"),
        ({"kind": "often", "service": "app", "function": "f"}, "choose from http, cron"),
    ],
)
def test_trigger__with_a_mistake__refused_by_name(trigger, words):
    with pytest.raises(InvalidInput) as refused:
        read_manifest(manifest(trigger))

    assert words in f"{refused.value.detail} {refused.value.remedy}"


CONTRACT = "0x" + "ab" * 20
TRANSFER = "event Transfer(address indexed from, address indexed to, uint256 value)"


def event(**changes):
    usual = {"kind": "chain-event", "service": "app", "function": "f", "contract": CONTRACT}
    return usual | {"event": TRANSFER} | changes


def test_event__read_and_written__is_the_same_and_nothing_is_lost_unless_it_says_so():
    given = event(filters={"to": CONTRACT, "value": [5, "6"]}, confirmations=2)

    read = read_manifest(manifest(given))

    assert parse_manifest(dump_manifest(read)) == read
    [trigger] = read.triggers
    assert (trigger.run, trigger.overlap, trigger.catch_up) == ("one", "queue", "all")
    assert trigger.wanted["value"] == ["5", "6"]
    assert trigger.fragment.signature == "Transfer(address,address,uint256)"
    assert trigger.fragment.topic.startswith("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4")


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (event(event="Transfer(address)"), "the argument 'address'"),
        (event(event="Transfer(adress indexed from)"), "the type 'adress'"),
        (event(event="Transfer(uint7 x)"), "the type 'uint7'"),
        (event(event="Transfer address from"), "which is no event"),
        (event(event="T(bool a, bool a)"), "one name"),
        (event(event="T(bool indexed a, bool indexed b, bool indexed c, bool indexed d)"), "many"),
        (event(filters={"too": 1}), "it has from, to, value"),
        (event(filters={"value": "much"}), "which is no uint256"),
        (event(filters={"to": "0x12"}), "is not an address"),
        (event(event="T(string indexed s)", filters={"s": "x"}), "filter by another argument"),
        (event(contract="0x12"), "is not an address"),
        (event(confirmations=-1), "give an integer"),
        (event(chain="mainnet"), "give an integer"),
        (event(seconds=5), "seconds is not known"),
        ({"kind": "stop", "service": "app", "function": "f", "run": "one"}, "choose from each"),
        ({"kind": "every", "seconds": 5, "flow": "report"}, "the app has no flow"),
        ({"kind": "every", "seconds": 5, "flow": "f", "service": "app"}, "beside a flow"),
    ],
)
def test_event__with_a_mistake__refused_by_name(trigger, words):
    with pytest.raises(InvalidInput) as refused:
        read_manifest(manifest(trigger))

    assert words in f"{refused.value.detail} {refused.value.remedy}"


def test_events__more_than_a_node_is_to_be_asked_for__refused():
    with pytest.raises(InvalidInput, match="17 of kind"):
        read_manifest(manifest(*(event(confirmations=n) for n in range(17))))


def test_triggers__two_sites__refused():
    site = {"kind": "http", "service": "app", "function": "f"}

    with pytest.raises(InvalidInput, match="a second time"):
        read_manifest(manifest(site, site))
