"""Documents that a developer signs for a deal: anybody may pass one on, and anybody can check it.

A document is the body of a signed PUT to a path of the deal, with a `version`. What the request
expires by is not looked at: the higher version wins, so that an old request sent once more changes
nothing.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wasmarket.kernel.documents.json_text import decode_json
from wasmarket.kernel.errors import Forbidden, InvalidInput
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.signing.requests import Request, parse_authorization
from wasmarket.kernel.signing.signatures import recover
from wasmarket.kernel.signing.typed_data import Domain
from wasmarket.kernel.units import Address

METHOD: Final = "PUT"


@dataclass(frozen=True, slots=True)
class DeveloperDocument:
    """The developer's request that set a document: any peer of the deal can check it again."""

    target: str
    body: str
    authorization: str

    @property
    def rank(self) -> bytes:
        """Return what orders two documents of one version, so that all peers end with the same."""
        return sha256(self.body.encode())

    def read(self, path: str, developer: Address, domain: Domain) -> Any:
        """Return the JSON value that the developer signed for `path`.

        Raises InvalidSignature, Forbidden (another account, another path), InvalidInput.
        """
        if self.target.partition("?")[0] != path:
            raise Forbidden(f"the document is not one of {path}", field="target")
        credentials = parse_authorization(self.authorization)
        body = self.body.encode()
        request = Request(METHOD, self.target, body, credentials.expires, credentials.nonce)
        signer = recover(request.digest(domain), credentials.signature, field="authorization")
        if signer != developer or credentials.address != developer:
            raise Forbidden(
                f"the developer {developer} did not sign this document", field="document"
            )
        try:
            return decode_json(body)
        except msgspec.DecodeError as error:
            raise InvalidInput(f"the document is not JSON: {error}", field="document") from error
