"""Manifests: read strictly, written in one spelling, every fault named with its path."""

import json
from copy import deepcopy
from pathlib import Path

import pytest

from wasmarket.kernel.documents.app_parts import CorsRules
from wasmarket.kernel.documents.canonical_json import dump_canonical
from wasmarket.kernel.documents.content_ids import app_hash, raw_cid
from wasmarket.kernel.documents.manifest import (
    Effectors,
    Health,
    HttpEffector,
    Limits,
    Manifest,
    Module,
    Service,
    Site,
    dump_manifest,
    parse_manifest,
)
from wasmarket.kernel.errors import InvalidInput, NotFound
from wasmarket.kernel.traits import trait_mask

pytestmark = pytest.mark.unit

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "manifests.json").read_text())
CID = raw_cid(b"module")
LEAST = {
    "wasmarket": 1,
    "name": "tiny",
    "services": [
        {"name": "s", "total_memory_limit": 65536, "modules": [{"name": "m", "cid": str(CID)}]}
    ],
}


def changed(path, value):
    """LEAST with the field at `path` set."""
    document = deepcopy(LEAST)
    at = document
    for step in path[:-1]:
        at = at[step] if isinstance(step, int) else at.setdefault(step, {})
    at[path[-1]] = value
    return dump_canonical(document)


@pytest.mark.parametrize("vector", VECTORS["dumped"], ids=lambda vector: vector["name"])
def test_dump_manifest__vector__gives_the_same_bytes(vector):
    data = vector["text"].encode()

    assert dump_manifest(parse_manifest(data)) == data
    assert str(raw_cid(data)) == vector["cid"]
    assert app_hash(raw_cid(data)) == vector["app"]


@pytest.mark.parametrize("vector", VECTORS["read"], ids=lambda vector: vector["name"])
def test_parse_manifest__vector_with_defaults_left_out__has_them(vector):
    manifest = parse_manifest(vector["text"].encode())

    [service] = manifest.services
    assert (service.abi, service.instance) == ("marine", "fresh")
    assert service.facade == Module("m", service.facade.cid, None, True, 0, {}, {}, {})
    assert manifest.limits == Limits(5_000, 1_048_576, 1_048_576, None)
    assert manifest.effectors == Effectors()
    assert manifest.health is None


def test_manifest__credit__is_written_where_it_is_asked_for():
    asked = parse_manifest(changed(("limits",), {"fuel": 1, "credit": 500_000}))

    assert asked.limits.credit == 500_000
    assert b'"credit":500000' in dump_manifest(asked)
    assert b"credit" not in dump_manifest(parse_manifest(dump_canonical(LEAST)))
    for wrong in (0, 2**48, "1", True):
        with pytest.raises(InvalidInput, match=r"limits\.credit"):
            parse_manifest(changed(("limits",), {"credit": wrong}))


def test_manifest__storage__is_written_where_the_app_bounds_it():
    asked = {"storage_bytes": 2**53 - 1, "storage_files": 2**31 - 1}
    bounded = parse_manifest(changed(("limits",), asked))

    assert (bounded.limits.storage_bytes, bounded.limits.storage_files) == tuple(asked.values())
    assert json.loads(dump_manifest(bounded))["limits"].items() >= asked.items()
    assert b"storage" not in dump_manifest(parse_manifest(dump_canonical(LEAST)))
    for field in asked:
        for wrong in (0, -1, "1", True):
            with pytest.raises(InvalidInput, match=rf"limits\.{field}"):
                parse_manifest(changed(("limits",), {field: wrong}))


def test_manifest__cors__is_written_where_the_app_has_rules():
    rules = {"origins": ["https://a.example:8443", "http://[::1]"], "headers": ["x-mine"]}

    manifest = parse_manifest(changed(("cors",), rules))

    assert manifest.cors == CorsRules(tuple(rules["origins"]), ("x-mine",))
    assert json.loads(dump_manifest(manifest))["cors"] == rules
    assert b"cors" not in dump_manifest(parse_manifest(dump_canonical(LEAST)))


def test_manifest__effectors__become_trait_bits():
    manifest = Manifest(
        "app",
        (Service("s", 65_536, (Module("m", CID, mounted_binaries={"curl": "http"}),)),),
        Effectors(http=HttpEffector(("api.example.org",)), kv=True),
        health=Health("s", "ping"),
    )

    assert parse_manifest(dump_manifest(manifest)) == manifest
    assert manifest.traits == trait_mask(["http", "kv"]) == 0b101
    assert manifest.effectors.names == ("http", "kv")


def test_service__unknown__not_found_names_the_known():
    manifest = parse_manifest(dump_canonical(LEAST))

    assert manifest.service("s").facade.cid == CID
    assert manifest.module_cids == (CID,)
    with pytest.raises(NotFound) as caught:
        manifest.service("t")
    assert caught.value.remedy == "it has: s"


SERVICE = ("services", 0)
MODULE_WITH = LEAST["services"][0]["modules"][0]
MODULE = ("services", 0, "modules", 0)
HTTP = {"kind": "http", "service": "s", "function": "answer"}


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("wasmarket",), 2, "wasmarket"),
        (("wasmarket",), True, "wasmarket"),
        (("name",), "", "name"),
        (("name",), "a b", "name"),
        (("name",), "x" * 65, "name"),
        (("name",), 7, "name"),
        (("author",), "me", "author"),
        (("services",), [], "services"),
        (("services",), {}, "services"),
        (("services",), [7], "services[0]"),
        (("services",), LEAST["services"] * 2, "services[1]"),
        (("services",), LEAST["services"] * 65, "services"),
        (("cors",), {}, "cors.origins"),
        (("cors",), {"origins": []}, "cors.origins"),
        (("cors",), {"origins": ["*", "https://a.example"]}, "cors.origins"),
        (("cors",), {"origins": ["https://a.example/"]}, "cors.origins[0]"),
        (("cors",), {"origins": ["https://A.example"]}, "cors.origins[0]"),
        (("cors",), {"origins": ["*"], "headers": ["x: y"]}, "cors.headers[0]"),
        (("cors",), {"origins": ["*"], "methods": ["GET"]}, "cors.methods"),
        ((*SERVICE, "abi"), "wasi", "services[0].abi"),
        ((*SERVICE, "abi"), ["raw"], "services[0].abi"),
        ((*SERVICE, "instance"), "hot", "services[0].instance"),
        ((*SERVICE, "total_memory_limit"), 65_535, "services[0].total_memory_limit"),
        ((*SERVICE, "total_memory_limit"), None, "services[0].total_memory_limit"),
        ((*SERVICE, "modules"), [], "services[0].modules"),
        ((*SERVICE, "modules"), LEAST["services"][0]["modules"] * 2, "services[0].modules[1]"),
        ((*SERVICE, "cpu"), 1, "services[0].cpu"),
        ((*MODULE, "cid"), "bafy", "services[0].modules[0].cid"),
        ((*MODULE, "cid"), None, "services[0].modules[0].cid"),
        ((*MODULE, "hash"), "x", "services[0].modules[0].hash"),
        ((*MODULE, "memory_limit"), 2**32 + 1, "services[0].modules[0].memory_limit"),
        ((*MODULE, "logger_enabled"), 1, "services[0].modules[0].logger_enabled"),
        ((*MODULE, "logging_mask"), 2**31, "services[0].modules[0].logging_mask"),
        ((*MODULE, "envs"), {"A": 1}, "services[0].modules[0].envs.A"),
        ((*MODULE, "envs"), {"A=B": ""}, "services[0].modules[0].envs"),
        ((*MODULE, "envs"), ["A"], "services[0].modules[0].envs"),
        ((*MODULE, "mapped_dirs"), {"t": "/etc"}, "services[0].modules[0].mapped_dirs.t"),
        ((*MODULE, "mapped_dirs"), {"t": "/storagex"}, "services[0].modules[0].mapped_dirs.t"),
        ((*MODULE, "mapped_dirs"), {"t": "/storage/../x"}, "services[0].modules[0].mapped_dirs.t"),
        ((*MODULE, "mapped_dirs"), {"t": "/storage/a/.."}, "services[0].modules[0].mapped_dirs.t"),
        ((*MODULE, "mapped_dirs"), {"../t": "/storage"}, "services[0].modules[0].mapped_dirs"),
        ((*MODULE, "mapped_dirs"), {"a\n../t": "/storage"}, "services[0].modules[0].mapped_dirs"),
        (
            (*MODULE, "mounted_binaries"),
            {"curl": "http"},
            "services[0].modules[0].mounted_binaries.curl",
        ),
        (
            (*MODULE, "mounted_binaries"),
            {"rm": "shell"},
            "services[0].modules[0].mounted_binaries.rm",
        ),
        (("effectors",), [], "effectors"),
        (("effectors",), {"gpu": {}}, "effectors.gpu"),
        (("effectors",), {"kv": {"size": 1}}, "effectors.kv.size"),
        (("effectors",), {"http": {}}, "effectors.http.hosts"),
        (("effectors",), {"http": {"hosts": []}}, "effectors.http.hosts"),
        (("effectors",), {"http": {"hosts": ["*"]}}, "effectors.http.hosts[0]"),
        (("effectors",), {"http": {"hosts": ["a.org", "A.org"]}}, "effectors.http.hosts[1]"),
        (("effectors",), {"http": {"hosts": ["a.org", "a.org"]}}, "effectors.http.hosts[1]"),
        (("effectors",), {"http": {"hosts": ["http://a.org"]}}, "effectors.http.hosts[0]"),
        (("limits",), {"call_ms": 0}, "limits.call_ms"),
        (("limits",), {"call_ms": 600_001}, "limits.call_ms"),
        (("limits",), {"input_bytes": -1}, "limits.input_bytes"),
        (("limits",), {"output_bytes": 2**26 + 1}, "limits.output_bytes"),
        (("limits",), {"fuel": 0}, "limits.fuel"),
        (("limits",), {"cpu": 1}, "limits.cpu"),
        (("health",), {"service": "t", "function": "ping"}, "health.service"),
        (("health",), {"service": "s", "function": ""}, "health.function"),
        (("health",), {"service": "s"}, "health.function"),
        (("triggers",), {}, "triggers"),
        (("triggers",), [{"cron": "* * * * *"}], "triggers[0].kind"),
        (("triggers",), [{"kind": "time"}], "triggers[0].kind"),
        (("triggers",), [HTTP | {"service": "t"}], "triggers[0].service"),
        (("triggers",), [HTTP | {"function": "a b"}], "triggers[0].function"),
        (("triggers",), [HTTP | {"path": "/"}], "triggers[0].path"),
        (("triggers",), [HTTP, HTTP], "triggers[1].kind"),
    ],
)
def test_parse_manifest__bad_field__refused_with_its_path(path, value, field):
    with pytest.raises(InvalidInput) as caught:
        parse_manifest(changed(path, value))

    assert caught.value.field == field
    assert field in str(caught.value) or caught.value.remedy


@pytest.mark.parametrize("name", ["wasmarket", "name", "services"])
def test_parse_manifest__required_field_missing__named(name):
    document = {key: value for key, value in LEAST.items() if key != name}

    with pytest.raises(InvalidInput, match=f"{name} is missing"):
        parse_manifest(dump_canonical(document))


def test_parse_manifest__http_trigger__is_the_site_and_is_written_again():
    manifest = parse_manifest(changed(("triggers",), [HTTP]))

    assert manifest.site == Site("s", "answer")
    assert parse_manifest(dump_manifest(manifest)) == manifest
    assert json.loads(dump_manifest(manifest))["triggers"] == [HTTP]


def test_parse_manifest__missing_effector__says_to_add_it():
    with pytest.raises(InvalidInput) as caught:
        parse_manifest(changed((*MODULE, "mounted_binaries"), {"curl": "http"}))

    assert caught.value.remedy == "add 'http' to `effectors`"


@pytest.mark.parametrize("data", [b"[]", b"null", b"7", b'"x"'])
def test_parse_manifest__not_an_object__refused(data):
    with pytest.raises(InvalidInput, match="not an object"):
        parse_manifest(data)


def test_parse_manifest__spaces__refused():
    with pytest.raises(InvalidInput, match="not canonical"):
        parse_manifest(json.dumps(LEAST).encode())


def test_parse_manifest__size__a_mebibyte_and_not_a_byte_more():
    frame = len(changed((*MODULE, "envs"), {"A": ""}))
    largest = changed((*MODULE, "envs"), {"A": "x" * (1024 * 1024 - frame)})

    assert len(largest) == 1024 * 1024
    assert parse_manifest(largest).name == "tiny"
    with pytest.raises(InvalidInput, match="1048577 bytes"):
        parse_manifest(changed((*MODULE, "envs"), {"A": "x" * (1024 * 1024 + 1 - frame)}))


@pytest.mark.parametrize(
    "manifest",
    [
        Manifest("a b", (Service("s", 65_536, (Module("m", CID),)),)),
        Manifest("app", ()),
        Manifest("app", (Service("s", 65_536, (Module("m", CID),), abi="wasi"),)),
        Manifest("app", (Service("s", 1, (Module("m", CID),)),)),
        Manifest("app", [Service("s", 65_536, (Module("m", CID),))]),
    ],
)
def test_dump_manifest__what_no_reader_accepts__refused(manifest):
    with pytest.raises(InvalidInput):
        dump_manifest(manifest)


SERVICE = ("services", 0)
MODULE_WITH = LEAST["services"][0]["modules"][0]


def test_parse_manifest__deterministic_service__is_written_only_where_it_is_said():
    manifest = parse_manifest(changed((*SERVICE, "deterministic"), True))

    assert manifest.services[0].deterministic
    assert b'"deterministic":true' in dump_manifest(manifest)
    assert b"deterministic" not in dump_manifest(parse_manifest(dump_canonical(LEAST)))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"instance": "warm"}, "services[0].instance"),
        ({"modules": [MODULE_WITH | {"mapped_dirs": {"a": "/storage/a"}}]}, "services[0].modules"),
        (
            {"modules": [MODULE_WITH | {"mounted_binaries": {"curl": "http"}}]},
            "services[0].modules",
        ),
    ],
)
def test_parse_manifest__deterministic_service_that_keeps_something__is_refused(changes, field):
    document = json.loads(changed(("effectors",), {"http": {"hosts": ["a.org"]}}))
    document["services"][0] |= {"deterministic": True, **changes}

    with pytest.raises(InvalidInput) as caught:
        parse_manifest(dump_canonical(document))

    assert caught.value.field == field


def test_parse_manifest__program_called_as_an_effector__is_mounted_as_one():
    document = json.loads(changed(("effectors",), {"programs": {"names": ["ipfs", "kv"]}}))
    document["services"][0]["modules"] = [MODULE_WITH | {"mounted_binaries": {"ipfs": "ipfs"}}]

    manifest = parse_manifest(dump_canonical(document))

    assert manifest.effectors.programs == ("ipfs", "kv")
    assert manifest.effectors.names == ()


def test_parse_manifest__programs__may_be_mounted_and_are_written_again():
    document = json.loads(changed(("effectors",), {"programs": {"names": ["qr"]}}))
    document["services"][0]["modules"] = [MODULE_WITH | {"mounted_binaries": {"code": "qr"}}]
    manifest = parse_manifest(dump_canonical(document))

    assert manifest.effectors.programs == ("qr",)
    assert manifest.effectors.names == ()
    assert parse_manifest(dump_manifest(manifest)) == manifest


@pytest.mark.parametrize(
    ("names", "field"),
    [
        ([], "effectors.programs.names"),
        (["http"], "effectors.programs.names[0]"),
        (["/bin/sh"], "effectors.programs.names[0]"),
        (["a", "a"], "effectors.programs.names[1]"),
    ],
)
def test_parse_manifest__programs_without_good_names__are_refused(names, field):
    with pytest.raises(InvalidInput) as caught:
        parse_manifest(changed(("effectors",), {"programs": {"names": names}}))

    assert caught.value.field == field
