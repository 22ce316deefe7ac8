"""Read the table `[document]` of a policy file: what the peer says of itself."""

from dataclasses import dataclass, fields
from typing import Any

from wasmarket.kernel.documents.json_fields import JsonFields
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.selection.peer_document import (
    MAX_CLAIMS,
    NO_HARDWARE,
    Hardware,
    PeerClaim,
    check_plain,
    parse_claims,
    parse_hardware,
)
from wasmarket.kernel.selection.sites import DataCenter, custom_site, parse_site_id, sites


@dataclass(frozen=True, slots=True)
class DocumentTerms:
    """`hardware` is what the provider sets, member by member; what it does not set is found out
    where `detect` is true, and not said else."""

    publish: bool = True
    detect: bool = True
    site: DataCenter | None = None
    hardware: Hardware = NO_HARDWARE
    claims: tuple[PeerClaim, ...] = ()

    def complete(self, found: Hardware) -> Hardware:
        """Return the hardware to name, given what was found out."""
        if not self.detect:
            return self.hardware
        members: dict[str, Any] = {
            member.name: getattr(self.hardware, member.name) or getattr(found, member.name)
            for member in fields(Hardware)
        }
        return Hardware(**members)


USUAL_DOCUMENT = DocumentTerms()


def parse_document_terms(document: object) -> DocumentTerms:
    """Read the table. Raises InvalidInput that names the key."""
    found = JsonFields(document, "document")
    terms = DocumentTerms(
        publish=found.boolean("publish", True),
        detect=found.boolean("detect", True),
        site=_parse_site(found.take("site", None)),
        hardware=parse_hardware(found.take("hardware", {})),
        claims=parse_claims(found.items("claims", 0, MAX_CLAIMS, [])),
    )
    found.finish()
    return terms


def _parse_site(value: Any) -> DataCenter | None:
    """Read an id of the list, or a description."""
    if value is None:
        return None
    if isinstance(value, str):
        name = parse_site_id(value, field="document.site")
        if name not in sites():
            raise InvalidInput(
                "a site that is not on the list is described, not named",
                field="document.site",
                remedy="write site = {name = …, city = …, country = …}",
            )
        return sites()[name]
    described = JsonFields(value, "document.site")
    site = custom_site(
        check_plain(described.take("name"), "document.site.name", least=1),
        check_plain(described.take("city"), "document.site.city", least=1),
        check_plain(described.take("country"), "document.site.country", least=2),
        check_plain(described.take("area", ""), "document.site.area"),
    )
    described.finish()
    return site
