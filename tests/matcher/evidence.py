"""What a matcher shows of a deal, to be verified as it is or after a cheat changed it."""

import json
from dataclasses import replace

from matcher.orderbook.document import digest_of
from matcher.verify.match import verify_deal
from matcher.verify.record import parse_record
from matcher.verify.witness import Witness
from wasmarket.kernel.signing.published import encode_published
from wasmarket.kernel.signing.typed_data import hash_offer


class Evidence:
    """What a matcher shows of a deal; a cheat changes it before it is verified."""

    def __init__(self, town, operator, deal=1):
        self.town, self.deal, self.account = town, deal, operator.account.address
        items = operator.http.get(f"/v1/deals/{deal}/matches").json()["items"]
        self.records = [parse_record(item) for item in items]
        self.books = {
            r.book: operator.http.get(f"/v1/books/{r.book}").content for r in self.records
        }

    def verify(self, rpc=None):
        witness = Witness(rpc or self.town.rpc, self.town.deployment)
        return verify_deal(self.deal, self.records, self.books.__getitem__, self.account, witness)

    def with_book(self, change, place=-1):
        """Change the last book as a careful cheat does: canonical again, and named anew."""
        document = json.loads(self.books[self.records[place].book])
        change(document)
        content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        self.books[digest_of(content)] = content
        self.with_record(place=place, book=digest_of(content))
        return self

    def with_record(self, place=-1, **members):
        self.records[place] = replace(self.records[place], **members)
        return self


def differences(report):
    return {
        (d.check, d.where, d.field): (d.expected, d.found)
        for entry in report.matches
        for d in entry.findings.differences
    }


def open_town(town, operator):
    """Offer a cheap ask, published, and a dear one, posted; return both."""
    cheap, dear = town.ask(2, 1_000), town.ask(1, 1_500)
    town.send(town.other, town.market, "publish", hash_offer(cheap), encode_published(cheap))
    operator.post_asks(dear)
    return cheap, dear
