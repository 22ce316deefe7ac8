"""Stand in for the `curl` that Marine modules mount: its common options, done by the http effector.

No program is started, so nothing but HTTP to the app's own hosts can come of it.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from peer.runtime.effectors.http_effect import HttpEffect, HttpHeader, HttpRequest

FLAGS: Final = {
    **dict.fromkeys(("-s", "--silent", "-S", "--show-error", "-k", "--compressed"), ""),
    **dict.fromkeys(("-i", "--include"), "include"),
    **dict.fromkeys(("-L", "--location"), "location"),
    **dict.fromkeys(("-f", "--fail"), "fail"),
    **dict.fromkeys(("-I", "--head"), "head"),
    **dict.fromkeys(("-G", "--get"), "get"),
}
VALUES: Final = {
    **dict.fromkeys(("-X", "--request"), "method"),
    **dict.fromkeys(("-H", "--header"), "header"),
    **dict.fromkeys(("-d", "--data", "--data-raw", "--data-ascii", "--data-binary"), "data"),
    **dict.fromkeys(("-m", "--max-time", "--connect-timeout"), "seconds"),
    **dict.fromkeys(("-A", "--user-agent"), "agent"),
    "--url": "url",
}
# curl's own exit codes.
CLUSTER: Final = re.compile(r"-[A-Za-z].+", re.DOTALL)
BAD_USE, NO_CONNECTION, HTTP_FAILED = 2, 7, 22
FORM: Final = "application/x-www-form-urlencoded"
REDIRECTS: Final = 5
MAX_DIGITS: Final = 9


class BadCommand(Exception):
    """The command is none that is understood here"""


@dataclass(slots=True)
class Command:
    """A command line, read."""

    flags: set[str] = field(default_factory=set)
    urls: list[str] = field(default_factory=list)
    method: str | None = None
    headers: list[HttpHeader] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    timeout_ms: int = 0


def parse_command(arguments: Sequence[str]) -> Command:
    """Read the arguments of a curl command. Raises BadCommand that names what is not known."""
    command = Command()
    rest = iter(_split_clusters(arguments))
    for argument in rest:
        name, equals, inline = argument.partition("=")
        if argument in FLAGS:
            command.flags.add(FLAGS[argument])
        elif argument in VALUES or (name.startswith("--") and equals and name in VALUES):
            is_inline = argument not in VALUES
            value = inline if is_inline else next(rest, None)
            if value is None:
                raise BadCommand(f"{argument} needs a value")
            _set(command, VALUES[name if is_inline else argument], value)
        elif argument.startswith("-"):
            raise BadCommand(f"the option {argument} is not supported here")
        else:
            command.urls.append(argument)
    if len(command.urls) != 1:
        raise BadCommand(f"one URL is needed, {len(command.urls)} were given")
    return command


def _split_clusters(arguments: Sequence[str]) -> Iterator[str]:
    """Yield `-sSL` as `-s -S -L`, and `-XPUT` as `-X PUT`."""
    rest = iter(arguments)
    for argument in rest:
        if not CLUSTER.fullmatch(argument):
            yield argument
            if argument in VALUES:
                # What follows is a value, however it looks.
                yield from itertools.islice(rest, 1)
            continue
        letters = argument[1:]
        while letters:
            name, letters = f"-{letters[0]}", letters[1:]
            yield name
            if name in VALUES:
                yield letters if letters else next(rest, "")
                break


def build_request(command: Command) -> HttpRequest:
    """Return the request that a command means."""
    (url,) = command.urls
    body = "&".join(command.data).encode()
    if "get" in command.flags and body:
        url, body = f"{url}{'&' if '?' in url else '?'}{body.decode()}", b""
    usual = "HEAD" if "head" in command.flags else "POST" if body else "GET"
    headers = list(command.headers)
    if body and all(header.name.lower() != "content-type" for header in headers):
        headers.append(HttpHeader("content-type", FORM))
    return HttpRequest(
        method=command.method or usual,
        url=url if "://" in url else f"http://{url}",
        headers=headers,
        body=body,
        timeout_ms=command.timeout_ms,
        redirects=REDIRECTS if "location" in command.flags else 0,
    )


async def run_curl(http: HttpEffect, arguments: Sequence[str], ends_at: float) -> dict[str, Any]:
    """Return what curl would: exit code, what it prints. Raises TimeoutError at `ends_at`."""
    try:
        command = parse_command(arguments)
    except BadCommand as error:
        return _finish(BAD_USE, error=f"curl: {error}")
    answer = await http.request(build_request(command), ends_at)
    if answer["error"]:
        return _finish(NO_CONNECTION, error=f"curl: {answer['error']}")
    if "fail" in command.flags and answer["status"] >= HTTPStatus.BAD_REQUEST:
        return _finish(HTTP_FAILED, error=f"curl: the server answered {answer['status']}")
    head = b""
    if command.flags & {"include", "head"}:
        lines = [f"HTTP/1.1 {answer['status']}"]
        lines += [f"{header['name']}: {header['value']}" for header in answer["headers"]]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    return _finish(0, stdout=head + answer["body"])


def _set(command: Command, option: str, value: str) -> None:
    if option == "method":
        command.method = value
    elif option == "header":
        name, colon, text = value.partition(":")
        if not colon:
            raise BadCommand(f"{value[:60]!r} is no header")
        command.headers.append(HttpHeader(name.strip(), text.strip()))
    elif option == "agent":
        command.headers.append(HttpHeader("user-agent", value))
    elif option == "data":
        if value.startswith("@"):
            raise BadCommand("files are not sent")
        command.data.append(value)
    elif option == "url":
        command.urls.append(value)
    elif len(value) > MAX_DIGITS or not value.replace(".", "", 1).isdecimal():
        raise BadCommand(f"{value[:20]!r} is no number of seconds")
    else:
        # Decimal text to whole milliseconds; a float holds far more digits than that.
        command.timeout_ms = max(int(float(value) * 1_000), 1)


def _finish(code: int, error: str = "", stdout: bytes = b"") -> dict[str, Any]:
    return {"ret_code": code, "error": "", "stdout": stdout, "stderr": error.encode()}
