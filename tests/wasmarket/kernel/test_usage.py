"""Vouchers and heads: signed by one key, read strictly, and nothing else passes for them."""

import pytest

from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.errors import InvalidInput, InvalidSignature
from wasmarket.kernel.signing.signatures import address_of
from wasmarket.kernel.signing.typed_data import market_domain
from wasmarket.kernel.signing.usage import (
    MAX_WORK,
    AssignmentUsage,
    ReceiptHead,
    Voucher,
    dump_voucher,
    parse_voucher,
    sign_head,
    sign_usage,
    signer_of_head,
    signer_of_voucher,
)

pytestmark = pytest.mark.unit

KEY = b"\x11" * 32
DOMAIN = market_domain(31337, parse_address("0x5fbdb2315678afecb367f032d93f642f64180aa3"))


def test_voucher__signed_and_written__is_read_back_with_its_signer():
    voucher = sign_usage(DOMAIN, AssignmentUsage(7, 123_456), KEY)

    assert parse_voucher(dump_voucher(voucher)) == voucher
    assert signer_of_voucher(DOMAIN, voucher) == address_of(KEY)


def test_voucher__more_work_claimed__another_signer():
    voucher = sign_usage(DOMAIN, AssignmentUsage(7, 123_456), KEY)
    forged = Voucher(AssignmentUsage(7, 123_457), voucher.signature)

    assert signer_of_voucher(DOMAIN, forged) != address_of(KEY)


@pytest.mark.parametrize("work", [0, MAX_WORK])
def test_sign_usage__no_work_or_too_much__is_refused(work):
    with pytest.raises(InvalidInput):
        sign_usage(DOMAIN, AssignmentUsage(7, work), KEY)
    with pytest.raises(InvalidSignature):
        signer_of_voucher(
            DOMAIN,
            Voucher(
                AssignmentUsage(7, work), sign_usage(DOMAIN, AssignmentUsage(7, 1), KEY).signature
            ),
        )


@pytest.mark.parametrize(
    "text", ["", "7:1", "7:-1:0x", "a:1:0x", "7:1:0x00", "7:1:0x:x", "7:" + "1" * 60 + ":0x"]
)
def test_parse_voucher__anything_else__is_refused(text):
    with pytest.raises((InvalidInput, InvalidSignature)):
        parse_voucher(text)


def test_head__signed__names_the_wallet():
    head = ReceiptHead(7, 3, b"\x05" * 32)

    assert signer_of_head(DOMAIN, head, sign_head(DOMAIN, head, KEY)) == address_of(KEY)
    other = ReceiptHead(7, 4, head.receipt)
    assert signer_of_head(DOMAIN, other, sign_head(DOMAIN, head, KEY)) != address_of(KEY)
