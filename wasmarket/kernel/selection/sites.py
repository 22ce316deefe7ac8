"""Name data centers: a committed list (`sites.csv`), and sites that are named by their own hash.

The list only grows, because signed documents and wishes name its ids. A site that is not on it
is named `0x` and the SHA-256 of its description's canonical JSON, which a peer's document carries.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from wasmarket.kernel.documents.canonical_json import dump_canonical
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.hashing import sha256
from wasmarket.kernel.regions import region_codes

_FILE = Path(__file__).with_name("sites.csv")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HASH = re.compile(r"0x[0-9a-f]{64}")
MAX_ID = 66


@dataclass(frozen=True, slots=True)
class DataCenter:
    """A data center: `country` is a code of `regions.csv`, `area` a part of the world in words.

    `source` is where its operator says so; empty for one that a peer describes.
    """

    id: str
    name: str
    city: str
    country: str
    area: str
    source: str = ""

    @property
    def is_listed(self) -> bool:
        """Whether it is one of the committed list."""
        return not self.id.startswith("0x")

    def describe(self) -> dict[str, str]:
        """Return what a site that is not listed is named by."""
        return {"name": self.name, "city": self.city, "country": self.country, "area": self.area}


@cache
def sites() -> Mapping[str, DataCenter]:
    """Return every listed data center by id."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        found = [DataCenter(**row) for row in csv.DictReader(file)]
    return MappingProxyType({site.id: site for site in found})


def custom_site(name: str, city: str, country: str, area: str) -> DataCenter:
    """Return a site under the name that its description gives it. Raises InvalidInput."""
    code = country.upper()
    if code not in region_codes():
        raise InvalidInput(
            f"{country!r} is no country", field="site.country", remedy="give an ISO code such as DE"
        )
    described = DataCenter("", name, city, code, area)
    return DataCenter(name_site(described), name, city, code, area)


def name_site(site: DataCenter) -> str:
    """Return the name of a site that is not listed."""
    return "0x" + sha256(dump_canonical(site.describe())).hex()


def parse_site_id(text: str, *, field: str | None = None) -> str:
    """Return the id of a data center as it is written everywhere. Raises InvalidInput.

    Listed ids must be on the list, so that a slip of the pen is not a wish that nobody fulfils.
    """
    name = text.strip().lower()
    if name in sites() or _HASH.fullmatch(name):
        return name
    near = [id_ for id_ in sites() if name and name in id_]
    raise InvalidInput(
        f"{text!r:.80} is no data center",
        field=field,
        remedy=f"did you mean {', '.join(near[:4])}?" if near else "see `wasmarket peer sites`",
    )


def is_site_id(text: str) -> bool:
    """Whether a text may name a data center: one of a newer list than ours, too."""
    return len(text) <= MAX_ID and bool(_ID.fullmatch(text) or _HASH.fullmatch(text))
