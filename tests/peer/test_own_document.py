"""A peer's own document: what the policy and the machine say, signed anew when that changes."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from peer.machine import detect_hardware
from peer.own_document import RENEW_SECONDS, TERMS, OwnDocument, read_terms
from peer.policy.document_table import USUAL_DOCUMENT, DocumentTerms
from peer.policy.policy import parse_policy
from wasmarket.kernel.addresses import to_address, to_hash
from wasmarket.kernel.errors import ConfigError, NotFound
from wasmarket.kernel.selection.peer_document import Hardware, PeerClaim
from wasmarket.kernel.selection.signed_document import open_peer_document
from wasmarket.kernel.selection.sites import custom_site, sites
from wasmarket.kernel.signing.typed_data import market_domain

pytestmark = pytest.mark.unit

DOMAIN = market_domain(31_337, to_address(b"\x11" * 20))
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
PUBLIC = to_hash(KEY.public_key().public_bytes_raw())

TABLE = """
[document]
site = "hetzner-fsn1"
detect = false
hardware = {cpu = "AMD EPYC 7502P", cores = 64}
claims = [{kind = "renewable", text = "wind"}]
"""


class Peer:
    """What a document is made of, to be changed by a test."""

    def __init__(self, folder):
        self.terms, self.number, self.time = USUAL_DOCUMENT, 7, 1_000
        self.own = OwnDocument(
            KEY, DOMAIN, folder, lambda: self.terms, lambda: self.number, lambda: self.time
        )

    def read(self):
        signed = self.own.read()
        opened = open_peer_document(
            signed.content, signed.signature, key=PUBLIC, peer=7, domain=DOMAIN, now=self.time
        )
        assert opened == signed.document
        return opened


@pytest.fixture
def peer(tmp_path):
    return Peer(tmp_path)


def test_read__nothing_set__is_what_the_machine_says(peer, tmp_path):
    found = peer.read()

    assert found.hardware == detect_hardware(tmp_path)
    assert found.hardware.cores > 0
    assert found.hardware.memory_mib > 0
    assert (found.site, found.claims, found.benchmark) == (None, (), None)


def test_read__set_in_the_policy__is_said_and_what_is_not_set_is_found_out(peer):
    peer.terms = parse_policy(TABLE, "policy").document
    told = peer.read()
    assert told.site == sites()["hetzner-fsn1"]
    assert told.hardware == Hardware("AMD EPYC 7502P", 64)
    assert told.claims == (PeerClaim("renewable", "wind"),)

    peer.terms = replace(peer.terms, detect=True)
    assert peer.read().hardware.cpu == "AMD EPYC 7502P"
    assert peer.read().hardware.memory_mib > 0


def test_read__nothing_changes__is_signed_anew_once_a_day_only(peer):
    first = peer.own.read()
    peer.time += RENEW_SECONDS - 1
    assert peer.own.read() is first

    peer.time += 1
    assert peer.read().issued == peer.time


def test_read__something_changes__is_signed_at_once(peer):
    first = peer.read()
    peer.terms = DocumentTerms(claims=(PeerClaim("iso_27001"),))
    peer.time += 1

    assert peer.read().issued > first.issued


def test_read__not_registered_or_not_published__is_none(peer):
    peer.number = 0
    with pytest.raises(NotFound, match="found itself"):
        peer.own.read()
    peer.number, peer.terms = 7, DocumentTerms(publish=False)
    with pytest.raises(NotFound, match="publishes"):
        peer.own.read()


def test_read__policy_says_nothing__is_what_the_folder_keeps(peer, tmp_path):
    peer.terms = None
    (tmp_path / TERMS).write_text('site = {name = "Cellar", city = "Bonn", country = "de"}')

    assert peer.read().site == custom_site("Cellar", "Bonn", "DE", "")


@pytest.mark.parametrize(
    "text",
    [
        'site = "nowhere-1"',
        'site = "0x%s"' % ("00" * 32),
        'site = {name = "x"}',
        "hardware = {cores = -1}",
        'hardware = {cpu = "\\u001b[2J"}',
        'claims = [{kind = "Very Green"}]',
        "colour = 1",
        "site = ",
    ],
)
def test_terms__that_mean_nothing__are_refused_in_policy_and_folder(tmp_path, text):
    (tmp_path / TERMS).write_text(text)

    with pytest.raises(ConfigError):
        read_terms(tmp_path)
    with pytest.raises(ConfigError):
        parse_policy(f"[document]\n{text}\n", "policy")


def test_detect__machine_that_says_little__is_zeros_and_one_plain_line(tmp_path):
    cpu, memory = tmp_path / "cpuinfo", tmp_path / "meminfo"
    cpu.write_text("processor : 0\nmodel name\t: Fast\x1b[31m   CPU  \n")
    memory.write_text("MemTotal:       2097152 kB\n")
    for name, text in (("eth0", "10000\n"), ("lo", ""), ("wlan0", "-1\n")):
        (tmp_path / "net" / name).mkdir(parents=True)
        (tmp_path / "net" / name / "speed").write_text(text)

    found = detect_hardware(tmp_path, cpu, memory, tmp_path / "net")
    nothing = detect_hardware(tmp_path, *(tmp_path / "none" for _ in range(3)))

    assert found.cpu == "Fast\\x1b[31m CPU"
    assert (found.memory_mib, found.network_mbps) == (2_048, 10_000)
    assert (nothing.cpu, nothing.memory_mib, nothing.network_mbps) == ("", 0, 0)
