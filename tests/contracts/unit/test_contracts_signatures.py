"""Signatures: both roots of one, also where the compact form has room for the second."""

import pytest
from coincurve import PrivateKey
from eth_account import Account
from eth_utils import keccak

from tests.contracts.driver.boa_chain import BoaChain

pytestmark = pytest.mark.unit

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_ORDER = ORDER // 2
DOMAIN, HASH = b"\1" * 32, b"\2" * 32
NONCE = 3


@pytest.fixture(scope="module")
def is_signed():
    chain = BoaChain(1_000_000)
    contract = chain.deploy("MockSignatures")

    def ask(account: str, r: int, s: int, parity: int) -> bool:
        words = r.to_bytes(32, "big"), (parity << 255 | s).to_bytes(32, "big")
        return chain.read([(contract, "is_signed", (account, DOMAIN, HASH, *words))])[0]

    return ask


def signer_of(s: int) -> tuple[str, int, int]:
    """Find the account whose signature with NONCE has this s; its r and parity come with it.

    The equation of ECDSA, s = (z + r·d) / k, solved for the key d.
    """
    point = PrivateKey(NONCE.to_bytes(32, "big")).public_key.point()
    r, digest = point[0] % ORDER, keccak(b"\x19\x01" + DOMAIN + HASH)
    key = (s * NONCE - int.from_bytes(digest, "big")) * pow(r, -1, ORDER) % ORDER
    return Account.from_key(key.to_bytes(32, "big")).address, r, point[1] % 2


@pytest.mark.parametrize("s", [1, HALF_ORDER - 1, HALF_ORDER])
def test_is_signed__lower_root__counts(is_signed, s):
    account, r, parity = signer_of(s)

    assert is_signed(account, r, s, parity)
    assert not is_signed(account, r, s, 1 - parity)


@pytest.mark.parametrize("s", [HALF_ORDER + 1, HALF_ORDER + 2**60, 2**255 - 1])
def test_is_signed__upper_root__never_counts(is_signed, s):
    account, r, parity = signer_of(s)

    assert not is_signed(account, r, s, parity)
    assert is_signed(account, r, ORDER - s, 1 - parity)


def test_is_signed__by_nobody__never_counts(is_signed):
    assert not is_signed("0x" + "0" * 40, 0, 1, 0)
