"""What goes in and comes out of a function that a test calls: JSON, or a site's messages."""

import json
from collections.abc import Mapping
from typing import Any

from peer.runtime.module.service import BodyKind

END = b"\r\n\r\n"


def write_body(document: Mapping[str, Any], arguments: Any) -> tuple[bytes, BodyKind]:
    """Return the body of a call: the message of its `request`, or its arguments as JSON."""
    request = document.get("request")
    if request is None:
        return json.dumps(arguments).encode(), BodyKind.JSON
    lines = [f"{request.get('method', 'GET')} {request.get('path', '/')} HTTP/1.1"]
    lines += [f"{name.lower()}: {text}" for name, text in request.get("headers", {}).items()]
    body = str(request.get("body", "")).encode()
    return "\r\n".join(lines).encode() + END + body, BodyKind.RAW


def read_value(document: Mapping[str, Any], output: bytes) -> Any:
    """Return what a function answered; of a site, status, headers and body."""
    if "request" not in document:
        return json.loads(output)["result"]
    head, _, body = output.partition(END)
    first, *lines = head.decode("latin-1").split("\r\n")
    status = first.split(" ")[1:2]
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    return {
        "status": int(status[0]) if status and status[0].isdigit() else None,
        "headers": headers,
        "body": body.decode("utf-8", "replace"),
    }
