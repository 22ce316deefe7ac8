"""What callers lose by a new version, and which wishes stand in the way of units."""

import threading

import pytest

from wasmarket.client.developer import ServedVersion
from wasmarket.kernel.errors import Conflict
from wasmarket.kernel.traits import trait_mask
from wasmarket_cli import setup
from wasmarket_cli.developer import versions
from wasmarket_cli.developer.obstacles import find_obstacles
from wasmarket_cli.developer.requirements import Needs
from wasmarket_cli.developer.versions import list_losses, refuse_losses

pytestmark = pytest.mark.unit

A, B = "0x" + "ab" * 32, "0x" + "cd" * 32


def service(*functions, records=()):
    return {
        "app": {
            "functions": [
                {
                    "name": name,
                    "arguments": [{"name": "x", "type": type_} for type_ in types],
                    "output": output,
                }
                for name, types, output in functions
            ],
            "records": [{"name": name, "fields": list(fields)} for name, fields in records],
        }
    }


OLD = service(("greet", ["string"], "string"), ("count", [], "u32"), records=[("P", ["x"])])


@pytest.mark.parametrize(
    ("new", "losses"),
    [
        (OLD, []),
        (service(("greet", ["string"], "string"), ("count", [], "u32"), ("more", [], None)), []),
        (service(("count", [], "u32")), ["app.greet is gone"]),
        (
            service(("greet", ["bytes"], "string"), ("count", [], "u64")),
            [
                "app.count takes or returns other types",
                "app.greet takes or returns other types",
            ],
        ),
        (
            service(
                ("greet", ["string"], "string"), ("count", [], "u32"), records=[("P", ["x", "y"])]
            ),
            ["the record app.P has other fields"],
        ),
        ({}, ["app.count is gone", "app.greet is gone"]),
    ],
)
def test_list_losses__new_interface__names_what_goes(new, losses):
    assert list_losses(OLD, new) == losses


def test_refuse_losses__something_goes__is_refused_with_the_way_out():
    refuse_losses([])
    with pytest.raises(Conflict, match=r"app\.greet is gone") as caught:
        refuse_losses(["app.greet is gone"])
    assert "--yes" in caught.value.remedy


class UpdatedDeal:
    """A deal whose peer cannot switch, in an index that hears of the update three looks later."""

    def __init__(self):
        self.looks = 0

    def served_versions(self, deal):
        return [ServedVersion(3, A, B, "no health")]

    def deal(self, deal):
        self.looks += 1
        return {"app": A if self.looks < 4 else B}


def test_update__index_behind_the_peers__waits_for_it(monkeypatch):
    monkeypatch.setattr(versions, "LOOK_SECONDS", 0.001)
    client = UpdatedDeal()

    served = versions.wait_for_version(client, 7, B, 60)

    assert [one.failure for one in served] == ["no health"]
    assert client.deal(7)["app"] == B


class OfferedUnits:
    """Peers that have the trait kv in Germany, and answer quotes; `silent` others do not answer."""

    def __init__(self, silent=0):
        self.silent = silent
        self.matcher = self

    def get(self, path):
        assert path == "/v1/status"
        return {"extra": {"peers": {"answering": 1, "unreachable": self.silent}}}

    def quote(self, requirement):
        fits = int(requirement["traits"]) in (0, trait_mask(["kv"]))
        fits = fits and requirement["min_memory_mib"] <= 2048
        return [{"units": "4", "total": "4", "price_max": "1"}] if fits else []


@pytest.mark.parametrize(
    ("traits", "memory", "lines"),
    [
        (["http", "kv"], 0, ["without the trait http there are 4"]),
        (["kv"], 4096, ["without 4096 MiB per unit there are 4"]),
        (["kv"], 0, []),
        (["http", "ipfs"], 0, ["without the traits http, ipfs there are 4"]),
    ],
)
def test_find_obstacles__wish__is_named_where_it_costs_units(traits, memory, lines):
    needs = Needs(1, 0, trait_mask(traits), memory, 0, 0)
    most = 4 if not lines else 0

    found = find_obstacles(OfferedUnits(), needs, most)

    assert [line for line in found if line in lines] == lines
    assert bool(found) == bool(lines)


@pytest.mark.parametrize(("silent", "line"), [(1, "1 peer with"), (3, "3 peers with")])
def test_find_obstacles__peers_that_do_not_answer__are_counted(silent, line):
    needs = Needs(8, 0, trait_mask(["kv"]), 0, 0, 0)

    *wishes, last = find_obstacles(OfferedUnits(silent), needs, 4)

    assert wishes == []
    assert last.startswith(line)


def test_doctor__one_check_hangs__the_others_are_told(monkeypatch):
    monkeypatch.setattr(setup, "CHECK_SECONDS", 0.05)
    never = threading.Event()

    def fail():
        raise ZeroDivisionError("oops")

    rows = setup._try_all([("slow", never.wait), ("quick", lambda: "fine"), ("broken", fail)])

    never.set()
    assert [(name, ok) for name, ok, _, _ in rows] == [
        ("slow", False),
        ("quick", True),
        ("broken", False),
    ]
    assert "no answer within" in rows[0][2]
    assert "ZeroDivisionError" in rows[2][2]
