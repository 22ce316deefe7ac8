"""Uploads cost a gateway nothing before their signer is known, and strangers leave room."""

import asyncio
from typing import Any

import pytest
from fastapi import Request

from wasmarket.content.folder import BlockFolder
from wasmarket.content.ledger import LEAST_CHARGE, Quota, UploadLedger
from wasmarket.content.upload_intake import UploadIntake
from wasmarket.kernel.addresses import to_address
from wasmarket.kernel.documents.content_ids import raw_cid
from wasmarket.kernel.errors import (
    BadContent,
    InvalidInput,
    LimitReached,
    MarketError,
    TooLarge,
    Unauthorized,
)
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.content_digest import parse_content_digest, write_content_digest
from wasmarket.kernel.units import Address, Timestamp
from wasmarket.serving.auth import MAX_SIGNED_BODY

pytestmark = pytest.mark.unit

KIB = 1024
MAX = 256 * KIB
NOW = Timestamp(1_000_000)
PAYER = to_address(b"\x01" * 20)
STRANGERS = [to_address(bytes([number]) * 20) for number in range(2, 40)]


class Upload:
    """A request whose body comes when the intake reads it."""

    def __init__(self, signer: Address | None, body: bytes, promised: bytes | None = None) -> None:
        self.body = body
        self.is_read = False
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        headers = [(b"content-length", b"%d" % len(body))]
        if promised != b"":
            value = write_content_digest(promised or sha256(body))
            headers.append((b"content-digest", value.encode()))
        if signer is not None:
            headers.append((b"authorization", signer.encode()))
        self.scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}

    async def receive(self) -> dict[str, Any]:
        self.is_read = True
        await self.may_go_on.wait()
        return {"type": "http.request", "body": self.body, "more_body": False}

    @property
    def request(self) -> Request:
        return Request(self.scope, self.receive)


def authorize(request: Request, body_sha256: bytes) -> Address:
    signer = request.headers.get("authorization")
    if signer is None:
        raise Unauthorized("nobody signed")
    return Address(signer)


@pytest.fixture
def ledger(tmp_path):
    quota = Quota(signer_bytes=4 * MAX, total_bytes=8 * MAX)
    return UploadLedger(BlockFolder(tmp_path), quota, lambda who: who == PAYER)


@pytest.fixture
def intake(ledger):
    return UploadIntake(authorize, ledger, MAX)


async def take(intake: UploadIntake, upload: Upload) -> tuple[Address, bytes] | MarketError:
    try:
        async with intake.receive(upload.request) as taken:
            return taken
    except MarketError as error:
        return error


def test_receive__signed__gives_signer_and_body(intake):
    upload = Upload(PAYER, b"x" * 100 * KIB)

    assert asyncio.run(take(intake, upload)) == (PAYER, upload.body)


@pytest.mark.parametrize(
    ("upload", "kind"),
    [
        (lambda: Upload(None, b"x" * 100 * KIB), Unauthorized),
        (lambda: Upload(PAYER, b"x" * 100 * KIB, b""), InvalidInput),
        (lambda: Upload(PAYER, b"x" * (MAX + 1)), TooLarge),
    ],
    ids=["unsigned", "no digest", "too large"],
)
def test_receive__not_worth_reading__refused_unread(intake, upload, kind):
    async def run():
        sent = upload()
        return await take(intake, sent), sent.is_read

    error, is_read = asyncio.run(run())

    assert isinstance(error, kind)
    assert error.remedy or kind is Unauthorized
    assert not is_read


def test_receive__another_body_than_promised__refused(intake):
    upload = Upload(PAYER, b"x" * 100 * KIB, sha256(b"other"))

    assert isinstance(asyncio.run(take(intake, upload)), BadContent)


def test_receive__small_body_without_digest__taken(intake):
    upload = Upload(PAYER, b"x" * MAX_SIGNED_BODY, b"")

    assert asyncio.run(take(intake, upload)) == (PAYER, upload.body)


def test_receive__strangers_hold_all_they_may__payer_gets_in(intake):
    async def run():
        held = [Upload(who, b"x" * (MAX // 2)) for who in STRANGERS[:2]]
        for upload in held:
            upload.may_go_on.clear()
        tasks = [asyncio.ensure_future(take(intake, upload)) for upload in held]
        while not all(upload.is_read for upload in held):
            await asyncio.sleep(0.001)
        third = await take(intake, Upload(STRANGERS[3], b"x" * (MAX // 2)))
        paid = await take(intake, Upload(PAYER, b"y" * MAX))
        for upload in held:
            upload.may_go_on.set()
        first, second = await asyncio.gather(*tasks)
        again = await take(intake, Upload(STRANGERS[4], b"x" * MAX))
        return first, second, third, paid, again

    first, second, third, paid, again = asyncio.run(run())

    assert [first[0], second[0], paid[0], again[0]] == [*STRANGERS[:2], PAYER, STRANGERS[4]]
    assert isinstance(third, LimitReached)


def test_admit__many_fresh_keys__leave_room_for_payers(ledger):
    for number, stranger in enumerate(STRANGERS[:4]):
        ledger.admit(stranger, [(raw_cid(b"%d" % number), MAX)], NOW)
    with pytest.raises(LimitReached) as refused:
        ledger.admit(STRANGERS[4], [(raw_cid(b"4"), MAX)], NOW)
    assert "deal" in refused.value.remedy

    for number in range(4):
        ledger.admit(PAYER, [(raw_cid(b"p%d" % number), MAX)], NOW)
    with pytest.raises(LimitReached):
        ledger.admit(PAYER, [(raw_cid(b"more"), MAX)], NOW)


def test_admit__stranger_at_the_limit__may_renew_what_is_there(ledger):
    for number, stranger in enumerate(STRANGERS[:4]):
        ledger.admit(stranger, [(raw_cid(b"%d" % number), MAX)], NOW)

    ledger.admit(STRANGERS[0], [(raw_cid(b"0"), MAX)], NOW)
    with pytest.raises(LimitReached):
        ledger.check_room(STRANGERS[5], LEAST_CHARGE)
    ledger.check_room(STRANGERS[0], MAX)


@pytest.mark.parametrize(
    "header",
    [None, "", "sha-256=::", "sha-256=:AAAA:", "sha-512=:" + "A" * 43 + "=:", "md5=:AAAA:"],
)
def test_parse_content_digest__no_sha_256__says_what_to_send(header):
    with pytest.raises(InvalidInput) as caught:
        parse_content_digest(header)

    assert "sha-256=:" in caught.value.remedy


@pytest.mark.parametrize("around", ["{}", "sha-512=:QQ==:, {}", "{}, sha-512=:QQ==:"])
def test_parse_content_digest__among_others__is_found(around):
    digest = sha256(b"body")

    assert parse_content_digest(around.format(write_content_digest(digest))) == digest
