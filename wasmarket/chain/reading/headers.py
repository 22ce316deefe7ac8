"""Headers as a node gives them, checked against their own hash."""

import msgspec

from wasmarket.chain.errors import ContradictoryAnswer
from wasmarket.chain.reading.blocks import BlockRef, Header
from wasmarket.kernel.hashing import keccak
from wasmarket.kernel.units import BlockNumber, Hash, Timestamp

UNCHECKED = "set `[chain] check_headers = false` if the chain hashes its headers in another way"


class RawHeader(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A block without its transactions, as JSON-RPC writes it; later forks added the last ones."""

    number: str
    hash: str
    parent_hash: str
    timestamp: str
    sha3_uncles: str | None = None
    miner: str | None = None
    state_root: str | None = None
    transactions_root: str | None = None
    receipts_root: str | None = None
    logs_bloom: str | None = None
    difficulty: str | None = None
    gas_limit: str | None = None
    gas_used: str | None = None
    extra_data: str | None = None
    mix_hash: str | None = None
    nonce: str | None = None
    base_fee_per_gas: str | None = None
    withdrawals_root: str | None = None
    blob_gas_used: str | None = None
    excess_blob_gas: str | None = None
    parent_beacon_block_root: str | None = None
    requests_hash: str | None = None
    block_access_list_hash: str | None = None
    slot_number: str | None = None

    def to_ref(self) -> BlockRef:
        """Return which block it is, as the node says."""
        return BlockRef(
            BlockNumber(int(self.number, 16)),
            Hash(self.hash),
            Hash(self.parent_hash),
            Timestamp(int(self.timestamp, 16)),
        )


def read_header(raw: RawHeader, origin: str) -> Header:
    """Check a header against its hash. Raises ContradictoryAnswer for one that is not of it."""
    try:
        ref = raw.to_ref()
        is_its_hash = keccak(_encode(raw)) == bytes.fromhex(raw.hash[2:])
        bloom = int(raw.logs_bloom or "", 16)
    except ValueError as error:
        raise ContradictoryAnswer(
            f"{origin} gave a header of block {raw.number} that lacks members or is not in hex",
            remedy=UNCHECKED,
        ) from error
    if not is_its_hash:
        raise ContradictoryAnswer(
            f"{origin} gave a header of block {ref.number} whose members do not have the hash "
            f"{ref.hash}: its time, parent or logs may be false",
            remedy=f"use another node; {UNCHECKED}",
        )
    return Header(ref, bloom)


def _encode(raw: RawHeader) -> bytes:
    """Write the header as RLP, up to the last member that it has."""
    items = [
        _data(raw.parent_hash),
        _data(raw.sha3_uncles),
        _data(raw.miner),
        _data(raw.state_root),
        _data(raw.transactions_root),
        _data(raw.receipts_root),
        _data(raw.logs_bloom),
        _number(raw.difficulty),
        _number(raw.number),
        _number(raw.gas_limit),
        _number(raw.gas_used),
        _number(raw.timestamp),
        _data(raw.extra_data),
        _data(raw.mix_hash),
        _data(raw.nonce),
    ]
    for value, write in (
        (raw.base_fee_per_gas, _number),
        (raw.withdrawals_root, _data),
        (raw.blob_gas_used, _number),
        (raw.excess_blob_gas, _number),
        (raw.parent_beacon_block_root, _data),
        (raw.requests_hash, _data),
        (raw.block_access_list_hash, _data),
        (raw.slot_number, _number),
    ):
        if value is None:
            break
        items.append(write(value))
    body = b"".join(items)
    return _prefix(0xC0, len(body)) + body


def _data(text: str | None) -> bytes:
    if text is None:
        raise ValueError("a member is missing")
    value = bytes.fromhex(text[2:])
    if len(value) == 1 and value[0] < 0x80:
        return value
    return _prefix(0x80, len(value)) + value


def _number(text: str | None) -> bytes:
    if text is None:
        raise ValueError("a member is missing")
    number = int(text, 16)
    value = number.to_bytes((number.bit_length() + 7) // 8, "big")
    if len(value) == 1 and value[0] < 0x80:
        return value
    return _prefix(0x80, len(value)) + value


def _prefix(kind: int, length: int) -> bytes:
    if length < 56:
        return bytes([kind + length])
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([kind + 55 + len(size)]) + size
