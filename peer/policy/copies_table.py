"""Read the table `[copies]` of a policy file: whose receipts are kept here too."""

from peer.copies.kept import CopyTerms
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.documents.json_fields import JsonFields

MOST_BYTES = 1 << 50
MOST_WALLETS = 10_000


def parse_copy_terms(document: object) -> CopyTerms:
    """Read the table. Raises InvalidInput that names the key."""
    fields, usual = JsonFields(document, "copies"), CopyTerms()
    given = fields.items("wallets", 0, MOST_WALLETS, [])
    wallets = tuple(parse_address(text, field="copies.wallets") for text in given)
    terms = CopyTerms(wallets, fields.integer("bytes", 0, MOST_BYTES, usual.bytes))
    fields.finish()
    return terms
