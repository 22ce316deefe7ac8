"""Check who calls a deal, against its access document."""

from fastapi import Request

from peer.access import check_key, check_signer
from peer.api.fastpath.head import CallHead
from peer.hosting.hosted_deal import HostedDeal
from peer.runtime.module.service import BodyKind
from wasmarket.kernel.documents.app_parts import Site
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.units import Address
from wasmarket.serving.auth import SITE_HEADER, Authenticator

HEAD_END = b"\r\n\r\n"


def check_access(
    authenticator: Authenticator,
    hosted: HostedDeal,
    site: Site | None,
    head: CallHead,
    body: bytes,
) -> str:
    """Return the address of who signed a call, empty for a key.

    `site` is the function that is the app's site. Raises as the access document says.
    """
    access = hosted.access.current
    authorization = head.given.get(b"authorization")
    header = None if authorization is None else authorization.decode("latin-1")
    if access.mode != "signers":
        check_key(access, header)
        return ""

    def permit(signer: Address) -> None:
        check_signer(access, signer)

    if site is None or not _is_visit(head, site):
        return authenticator.check(Request(head.scope), body, permit)
    method, target, rest = read_message(body)
    # By whatever name a site is reached, what is signed has its deal, so that it counts there only.
    return authenticator.check_parts(header, method, f"/{head.deal}{target}", rest, permit)


def read_message(message: bytes) -> tuple[str, str, bytes]:
    """Return method, target and body of an HTTP request. Raises InvalidInput."""
    head, _, body = message.partition(HEAD_END)
    line = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
    if len(line) != 3 or not line[1].startswith("/"):
        raise InvalidInput("the body is no HTTP request, which a site takes", field="body")
    return line[0], line[1], body


def _is_visit(head: CallHead, site: Site) -> bool:
    """Say whether a call is a request to the site, as a gateway wrote it."""
    return (
        SITE_HEADER in head.given
        and head.kind is BodyKind.RAW
        and (head.service, head.function) == (site.service, site.function)
    )
