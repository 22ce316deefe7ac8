"""Peers' documents: one spelling, signed, bounded, and harmless to whoever reads them."""

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.paths import CHECKOUT
from wasmarket.kernel.addresses import to_address, to_hash
from wasmarket.kernel.documents.canonical_json import dump_canonical
from wasmarket.kernel.errors import BadContent, Expired, InvalidInput, InvalidSignature
from wasmarket.kernel.regions import region_codes
from wasmarket.kernel.selection.peer_document import (
    MAX_BYTES,
    MAX_CLAIMS,
    MAX_TEXT,
    MAX_VALID_SECONDS,
    Benchmark,
    Hardware,
    PeerClaim,
    PeerDocument,
    Workload,
    dump_peer_document,
    parse_peer_document,
    to_json,
)
from wasmarket.kernel.selection.signed_document import open_peer_document, sign_peer_document
from wasmarket.kernel.selection.sites import custom_site, is_site_id, parse_site_id, sites
from wasmarket.kernel.signing.typed_data import market_domain

pytestmark = pytest.mark.unit

NOW = 1_800_000_000
MARKET = to_address(b"\x11" * 20)
DOMAIN = market_domain(31_337, MARKET)
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
PUBLIC = to_hash(KEY.public_key().public_bytes_raw())

FULL = PeerDocument(
    chain_id=31_337,
    market=MARKET,
    peer=7,
    issued=NOW,
    expires=NOW + 86_400,
    site=sites()["hetzner-fsn1"],
    hardware=Hardware("AMD EPYC 7502P", 64, 262_144, 1_920, 10_000),
    claims=(
        PeerClaim("iso_27001", "until 2027", "https://example.org/iso"),
        PeerClaim("renewable"),
    ),
    benchmark=Benchmark(
        to_hash(b"\x22" * 32),
        NOW - 60,
        4,
        (Workload("integer", 210_000_015, 131_000), Workload("float", 200_000_016, 354_000)),
        (240, 900),
    ),
)
CUSTOM = custom_site("Keller", "Bonn", "DE", "Western Europe")


def opened(content, signature, **changes):
    known = {"key": PUBLIC, "peer": 7, "domain": DOMAIN, "now": NOW + 60} | changes
    return open_peer_document(content, signature, **known)


def test_peer_document__vectors__are_written_and_signed_byte_for_byte():
    vectors = json.loads((CHECKOUT / "tests" / "vectors" / "peer_documents.json").read_text())

    for entry in vectors["documents"]:
        document = parse_peer_document(entry["content"].encode())
        content, signature = sign_peer_document(
            Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vectors["seed"])), document
        )
        assert content == entry["content"].encode()
        assert signature.hex() == entry["signature"]


@pytest.mark.parametrize(
    "document",
    [
        FULL,
        replace(FULL, site=CUSTOM, claims=()),
        PeerDocument(31_337, MARKET, 7, NOW, NOW + 1),
    ],
)
def test_open__signed_document__is_what_was_signed(document):
    assert opened(*sign_peer_document(KEY, document), now=NOW) == document


def test_speed__several_workloads__is_all_work_by_all_time():
    assert FULL.speed == (210_000_015 + 200_000_016) // (131_000 + 354_000)
    assert replace(FULL, benchmark=None).speed == 0


def test_open__another_key_or_one_byte_changed__is_refused():
    content, signature = sign_peer_document(KEY, FULL)
    other = Ed25519PrivateKey.from_private_bytes(b"\x08" * 32)

    with pytest.raises(InvalidSignature):
        opened(content, sign_peer_document(other, FULL)[1])
    with pytest.raises(InvalidSignature):
        opened(content.replace(b'"cores":64', b'"cores":65'), signature)
    with pytest.raises(InvalidSignature):
        opened(content, b"")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"peer": 8}, BadContent),
        ({"domain": market_domain(1, MARKET)}, BadContent),
        ({"domain": market_domain(31_337, to_address(b"\x12" * 20))}, BadContent),
        ({"now": NOW + 86_400}, Expired),
    ],
)
def test_open__of_another_peer_or_market_or_over__is_refused(changes, error):
    content, signature = sign_peer_document(KEY, FULL)

    with pytest.raises(error):
        opened(content, signature, **changes)


def change(path, value):
    document = to_json(FULL)
    *above, last = path
    place = document
    for step in above:
        place = place[step]
    place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("version",), 2, "version"),
        (("peer",), 0, "peer"),
        (("peer",), True, "peer"),
        (("expires",), NOW, "expires"),
        (("expires",), NOW + MAX_VALID_SECONDS + 1, "expires"),
        (("hardware", "cpu"), "x" * (MAX_TEXT + 1), "hardware.cpu"),
        (("hardware", "cpu"), "\x1b[2Jgone", "hardware.cpu"),
        (("hardware", "cpu"), "two\nlines", "hardware.cpu"),
        (("hardware", "cpu"), "\u202etxt.exe", "hardware.cpu"),
        (("hardware", "cores"), -1, "hardware.cores"),
        (("hardware", "turbo"), 1, "hardware.turbo"),
        (("claims", 0, "kind"), "<script>", "claims[0].kind"),
        (("claims", 0, "url"), "javascript:alert(1)", "claims[0].url"),
        (("claims", 0, "url"), "https://example.org/ x", "claims[0].url"),
        (("claims", 1, "kind"), "iso_27001", "claims[1].kind"),
        (("claims",), [{"kind": f"k{n}"} for n in range(MAX_CLAIMS + 1)], "claims"),
        (("site", "id"), "../../etc", "site.id"),
        (("site", "name"), "Elsewhere", "site.name"),
        (("site",), {"id": "0x" + "00" * 32, **CUSTOM.describe()}, "site.id"),
        (("site",), {"id": CUSTOM.id, **CUSTOM.describe(), "country": "ZZ"}, "site.country"),
        (("benchmark", "workloads"), [], "benchmark.workloads"),
        (("benchmark", "workloads", 0, "microseconds"), 0, "benchmark.workloads[0].microseconds"),
        (("benchmark", "suite"), "0x12", "benchmark.suite"),
        (("extra",), 1, "extra"),
    ],
)
def test_parse__member_out_of_bounds__is_refused_by_name(path, value, field):
    with pytest.raises(InvalidInput) as caught:
        parse_peer_document(dump_canonical(change(path, value)))

    assert caught.value.field == field


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"\xff" * 10,
        b"[" * 8_000,
        b" " * (MAX_BYTES + 1),
        json.dumps(to_json(FULL)).encode(),
        b'{"version":1.0}',
    ],
    ids=["nothing", "list", "half", "no_text", "deep", "long", "other_spelling", "float"],
)
def test_parse__not_a_canonical_document__is_refused(content):
    with pytest.raises(InvalidInput):
        parse_peer_document(content)


def test_dump__many_long_claims__says_that_it_is_too_large():
    claims = tuple(
        PeerClaim(f"k{n}", "é" * MAX_TEXT, "https://example.org/" + "x" * 270)
        for n in range(MAX_CLAIMS)
    )

    with pytest.raises(InvalidInput, match="bytes"):
        dump_peer_document(replace(FULL, claims=claims))


def test_parse__site_of_a_newer_list__is_kept_without_its_country():
    found = parse_peer_document(dump_canonical(change(("site",), {"id": "newcomer-x1"})))

    assert (found.site.id, found.site.country) == ("newcomer-x1", "")


def test_sites__committed_list__is_in_order_complete_and_sourced():
    listed = list(sites().values())

    assert [site.id for site in listed] == sorted(site.id for site in listed)
    for site in listed:
        assert is_site_id(site.id), site
        assert site.is_listed, site
        assert site.country in region_codes(), site
        assert all((site.name, site.city, site.area)), site
        assert site.source.startswith("https://"), site


def test_parse_site_id__unknown_name__suggests_those_that_hold_it():
    with pytest.raises(InvalidInput) as caught:
        parse_site_id("fsn1")

    assert "hetzner-fsn1" in caught.value.remedy
    assert parse_site_id(" Hetzner-FSN1 ") == "hetzner-fsn1"
    assert parse_site_id(CUSTOM.id) == CUSTOM.id


def test_custom_site__same_description__has_the_same_name():
    again = custom_site("Keller", "Bonn", "de", "Western Europe")

    assert again == CUSTOM
    assert custom_site("Keller", "Köln", "DE", "Western Europe").id != CUSTOM.id
