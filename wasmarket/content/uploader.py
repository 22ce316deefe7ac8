"""Send blocks to a gateway, as signed CAR files of bounded size."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import httpx

from wasmarket.content.car import MEDIA_TYPE, write_car
from wasmarket.content.exporter import GetBlock, walk
from wasmarket.kernel.documents.content_ids import Cid
from wasmarket.kernel.errors import (
    MarketError,
    Refused,
    TimedOut,
    Unreachable,
    find_error,
    revive_error,
)
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.content_digest import HEADER, write_content_digest

BATCH_BYTES = 2 * 1024 * 1024
BATCH_BLOCKS = 4_096
TARGET = "/v1/blocks"

Progress = Callable[[int, int], None]
"""Hears how many bytes are there, of how many."""

SignRequest = Callable[[str, str, bytes], Mapping[str, str]]
"""Returns the headers that sign a request, from its method, target and body."""


def upload(
    client: httpx.Client,
    gateway: str,
    roots: Iterable[Cid],
    get: GetBlock,
    sign: SignRequest,
    progress: Progress = lambda done, total: None,
) -> int:
    """Have the gateway at a base URL keep `roots` and all blocks below; return how many were sent.

    Only those that it lacks are; what it has counts as if it had been. `progress` hears how many
    bytes are there of how many. Raises ContentNotFound if a block is missing here, Unreachable,
    TimedOut, and the gateway's own refusals: LimitReached, TooLarge, Unauthorized and the like.
    """
    listed = list(dict.fromkeys(roots))
    blocks = dict(_below(listed, get))
    total = sum(map(len, blocks.values()))
    lacking = [(cid, block) for cid, block in blocks.items() if not _has(client, gateway, cid)]
    done = total - sum(len(block) for _, block in lacking)
    progress(done, total)
    for batch in _batches(lacking):
        body = b"".join(write_car([batch[0][0]], batch))
        headers = {"Content-Type": MEDIA_TYPE, HEADER: write_content_digest(sha256(body))}
        _post(client, gateway, TARGET, body, headers, sign)
        done += sum(len(block) for _, block in batch)
        progress(done, total)
    if len(lacking) < len(blocks):
        for root in listed:
            _post(client, gateway, f"{TARGET}/{root}/pin", b"", {}, sign)
    return len(lacking)


def _has(client: httpx.Client, gateway: str, cid: Cid) -> bool:
    """Say whether the gateway shows a block; what is no clear answer counts as none."""
    url = f"{gateway.rstrip('/')}/ipfs/{cid}?format=raw"
    try:
        return client.head(url).status_code == httpx.codes.OK
    except httpx.HTTPError:
        # Sending it says why.
        return False


def _post(
    client: httpx.Client,
    gateway: str,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    sign: SignRequest,
) -> None:
    signed = {**headers, **sign("POST", httpx.URL(gateway).path.rstrip("/") + path, body)}
    try:
        response = client.post(gateway.rstrip("/") + path, content=body, headers=signed)
    except httpx.TimeoutException as error:
        raise TimedOut(f"{gateway} took too long", remedy="try again") from error
    except httpx.HTTPError as error:
        raise Unreachable(
            f"{gateway} cannot be reached ({type(error).__name__})",
            remedy="check the gateway's URL and that it runs",
        ) from error
    if response.status_code not in (httpx.codes.CREATED, httpx.codes.OK) or not _is_kept(response):
        raise _refusal(gateway, response)


def _is_kept(response: httpx.Response) -> bool:
    """Say whether an answer is that of our own routes."""
    try:
        return "kept_until" in response.json()
    except (ValueError, TypeError):
        return False


def _below(roots: Iterable[Cid], get: GetBlock) -> Iterator[tuple[Cid, bytes]]:
    seen: set[Cid] = set()
    for root in roots:
        for cid, block in walk(root, get):
            if cid not in seen and block is not None:
                seen.add(cid)
                yield cid, block


def _batches(blocks: Iterable[tuple[Cid, bytes]]) -> Iterator[list[tuple[Cid, bytes]]]:
    batch: list[tuple[Cid, bytes]] = []
    size = 0
    for cid, block in blocks:
        if batch and (size + len(block) > BATCH_BYTES or len(batch) == BATCH_BLOCKS):
            yield batch
            batch, size = [], 0
        batch.append((cid, block))
        size += len(block)
    if batch:
        yield batch


def _refusal(gateway: str, response: httpx.Response) -> MarketError:
    """Return the error that a problem document describes."""
    try:
        problem = response.json()
        slug = str(problem["type"]).removeprefix("urn:wasmarket:")
        detail = str(problem["detail"])
        remedy = problem.get("remedy")
    except (ValueError, KeyError, TypeError, AttributeError):
        return Unreachable(
            f"{gateway} answered {response.status_code}",
            remedy="check that it is a gateway of ours",
        )
    known = slug if find_error(slug) else Refused.slug
    return revive_error(known, f"{gateway}: {detail}", remedy=remedy and str(remedy))
