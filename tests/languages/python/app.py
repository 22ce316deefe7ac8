"""What every language must be able to do, in Python."""

import sys
from dataclasses import dataclass
from enum import Enum

from wasmarket_guest import (
    Failure,
    Result,
    SiteRequest,
    SiteResponse,
    call,
    f32,
    http,
    ipfs,
    kv,
    log,
    s8,
    u8,
    u16,
    u32,
    u64,
)


class Colour(Enum):
    RED = "r"
    DARK_GREEN = "g"


@dataclass
class Point:
    x: int
    first_name: str


@dataclass
class Everything:
    small: u8
    medium: u16
    wide: u32
    huge: u64
    signed: s8
    long: int
    single: f32
    double: float
    flag: bool
    text: str
    data: bytes
    colour: Colour
    point: Point
    points: list[Point]
    maybe: u32 | None
    nested: list[list[u8]] | None
    pair: tuple[u8, str]


def same(value: Everything) -> Everything:
    assert isinstance(value.point, Point)
    assert isinstance(value.colour, Colour)
    return value


def echo_bytes(data: bytes) -> bytes:
    return data


def divide(a: int, b: int) -> Result[int]:
    if b == 0:
        raise Failure("division by zero")
    return a // b


def check(word: str) -> Result[None]:
    if word != "please":
        raise Failure("say please")


def trap() -> None:
    raise ValueError("this is a mistake")


def spin() -> None:
    while True:
        pass


def eat() -> u32:
    kept = []
    while True:
        kept.append(bytes(1 << 20))


def say(text: str) -> None:
    log.warn(text)
    print(text)
    print(text, file=sys.stderr)


def remember(key: str, value: bytes) -> list[str]:
    kv.put(key, value)
    assert kv.get(key) == value
    assert kv.swap(key, value, b"other")
    assert not kv.swap(key, value, b"third")
    kv.add("count", 2)
    assert kv.add("count", 3) == 5
    assert kv.get("nothing") is None
    kv.delete(key)
    kv.put("last", b"")
    return kv.keys()


def keep(data: bytes) -> bytes:
    return ipfs.get(ipfs.put(data))


def fetch(url: str) -> Result[str]:
    answer = http.send("POST", url, headers={"x-name": "value"}, body=b"hello")
    return f"{answer.status} {answer.headers['content-type']} {answer.text}"


def who() -> str:
    return call.parameters()["service_id"]


def site(request: SiteRequest) -> SiteResponse:
    name = request.headers.get("x-name", "")
    return SiteResponse(
        f"{request.method} {request.path} {request.query} {name} {request.body.decode()}",
        status=201,
        headers={"X-Own": "yes"},
    )
