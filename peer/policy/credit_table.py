"""Read the table `[metered]` of a policy file: what metered deals may owe."""

from peer.policy.pricing_table import parse_price
from peer.vouchers.credit import USUAL_CREDIT, Credit
from wasmarket.kernel.documents.json_fields import JsonFields

MOST_IDLE = 10_000


def parse_credit(document: object) -> Credit:
    """Read the table. Raises InvalidInput that names the key."""
    fields, usual = JsonFields(document, "metered"), USUAL_CREDIT
    given = fields.take("credit", None)
    least = fields.take("least_redeem", None)
    credit = Credit(
        credit=usual.credit if given is None else parse_price(given, "metered.credit", 1),
        least_redeem=(
            usual.least_redeem if least is None else parse_price(least, "metered.least_redeem", 0)
        ),
        idle_epochs=fields.integer("idle_epochs", 0, MOST_IDLE, usual.idle_epochs),
    )
    fields.finish()
    return credit
