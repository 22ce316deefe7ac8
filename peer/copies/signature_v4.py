"""Sign requests to S3-compatible stores: AWS Signature Version 4, the header form.

Source: Amazon S3 API reference, "Authenticating Requests: Using the Authorization Header".
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote

ALGORITHM: Final = "AWS4-HMAC-SHA256"
EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class S3Credentials:
    """Who asks; `region` as the store's operator names it."""

    key_id: str
    secret: str = field(repr=False)
    region: str = "us-east-1"


def encode_path(path: str) -> str:
    """Percent-encode all but unreserved characters and slashes, once, as S3 does."""
    return quote(path, safe="/-_.~")


def encode_query(query: Mapping[str, str]) -> str:
    """Return a query in its canonical form: sorted, every value named."""
    pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def sign_headers(
    credentials: S3Credentials,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body_sha256: str,
    now: datetime,
) -> dict[str, str]:
    """Return the headers to send: those given, `host` among them, and what signs them.

    `path` is percent-encoded already; `body_sha256` in hex; `now` in UTC.
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    sent = {name.lower(): value.strip() for name, value in headers.items()}
    sent |= {"x-amz-date": moment, "x-amz-content-sha256": body_sha256}
    names = ";".join(sorted(sent))
    lines = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent))
    canonical = "\n".join((method, path, encode_query(query), lines, names, body_sha256))
    scope = f"{moment[:8]}/{credentials.region}/s3/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.new(
        _derive_key(credentials, moment[:8]),
        "\n".join((ALGORITHM, moment, scope, hashed)).encode(),
        hashlib.sha256,
    ).hexdigest()
    sent["authorization"] = (
        f"{ALGORITHM} Credential={credentials.key_id}/{scope},"
        f"SignedHeaders={names},Signature={signature}"
    )
    return sent


def _derive_key(credentials: S3Credentials, day: str) -> bytes:
    key = f"AWS4{credentials.secret}".encode()
    for part in (day, credentials.region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
