"""Parquet files as the specification has them, read back by a reader of the test's own."""

import io
import struct

import pytest

from wasmarket_cli.files import parquet
from wasmarket_cli.files.parquet import MAGIC, ParquetWriter

pytestmark = pytest.mark.unit

COLUMNS = [("id", "number"), ("name", "text"), ("open", "yes or no"), ("wei", "decimal text")]


class Thrift:
    """Reads Thrift's compact protocol into dictionaries by field number."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        number = shift = 0
        while True:
            part = self.byte()
            number |= (part & 0x7F) << shift
            if part < 0x80:
                return number
            shift += 7

    def value(self, kind):
        if kind in (5, 6):
            number = self.varint()
            return (number >> 1) ^ -(number & 1)
        if kind == 8:
            size = self.varint()
            self.at += size
            return self.data[self.at - size : self.at]
        if kind == 9:
            head = self.byte()
            count = head >> 4 if head >> 4 < 15 else self.varint()
            return [self.value(head & 15) for _ in range(count)]
        assert kind == 12
        members, field = {}, 0
        while head := self.byte():
            field += head >> 4
            members[field] = self.value(head & 15)
        return members


def bits(data, count):
    return [data[place // 8] >> place % 8 & 1 == 1 for place in range(count)]


def read(data):
    """Return names and rows of a file, checking what a reader relies on."""
    assert data[:4] == data[-4:] == MAGIC
    size = struct.unpack("<I", data[-8:-4])[0]
    footer = Thrift(data, len(data) - 8 - size).value(12)
    names = [entry[4].decode() for entry in footer[2][1:]]
    columns = [[] for _ in names]
    for group in footer[4]:
        for column, chunk in zip(columns, group[1], strict=True):
            column.extend(read_chunk(data, chunk[3]))
    assert footer[3] == len(columns[0])
    return names, list(zip(*columns, strict=True))


def read_chunk(data, meta):
    page = Thrift(data, meta[9])
    head = page.value(12)
    assert page.at + head[3] == meta[9] + meta[7]
    size = struct.unpack_from("<I", data, page.at)[0]
    levels = Thrift(data, page.at + 4)
    assert levels.varint() & 1
    there = bits(data[levels.at :], head[5][1])
    at, values = page.at + 4 + size, []
    count = sum(there)
    if meta[1] == 2:
        values = list(struct.unpack_from(f"<{count}q", data, at))
    elif meta[1] == 0:
        values = bits(data[at:], count)
    else:
        for _ in range(count):
            length = struct.unpack_from("<I", data, at)[0]
            values.append(data[at + 4 : at + 4 + length].decode())
            at += 4 + length
    left = iter(values)
    return [next(left) if flag else None for flag in there]


def write(rows):
    file = io.BytesIO()
    with ParquetWriter(file, COLUMNS) as writer:
        for first in range(0, len(rows), 7):
            writer.write(rows[first : first + 7])
    return file.getvalue()


def test_write__values_and_nulls_in_several_groups__are_read_back(monkeypatch):
    monkeypatch.setattr(parquet, "ROWS_IN_GROUP", 10)
    rows = [
        (
            None if number % 4 == 0 else (-1) ** number * number << 40,
            None if number % 5 == 0 else "é☃\n" * (number % 3),
            None if number % 3 == 0 else number % 2 == 0,
            str(10**70 + number),
        )
        for number in range(53)
    ]

    names, found = read(write(rows))

    assert names == [name for name, _ in COLUMNS]
    assert found == rows


def test_write__no_rows__is_a_file_all_the_same():
    assert read(write([])) == ([name for name, _ in COLUMNS], [])
