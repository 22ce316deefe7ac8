"""Record the examples of the matcher's OpenAPI page: `.venv/bin/python tools/api_examples.py`.

Starts a local market of its own, does there what each operation is about, once rightly and once
wrongly, and writes what was sent and answered to `matcher/api/examples/`. Lists and long texts are
cut short, addresses of this machine are replaced; nothing else is changed.
"""

import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from wasmarket.app.file import load_app
from wasmarket.app.overrides import limit_fuel
from wasmarket.client.developer import DeveloperClient
from wasmarket.client.developer_offers import Bid, Requirement, sign_bid
from wasmarket.client.home import Home
from wasmarket.client.provider import ProviderClient
from wasmarket.client.service import Sign, request_signer
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.signing.offers import PriceKind
from wasmarket.kernel.signing.usage import AssignmentUsage, sign_usage
from wasmarket.kernel.units import Hash
from wasmarket.serving.outgoing.http import create_http_client
from wasmarket_cli.local.epochs import next_epoch
from wasmarket_cli.local.network import LocalMarket, start_market
from wasmarket_cli.local.plan import DEFAULT_PEERS, FREE_PORTS, PeerPlan, Plan

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDER = CHECKOUT / "matcher" / "api" / "examples"
ITEMS = 2
LINES = 12
WAIT_SECONDS = 60.0
NOBODY = 999
UNKNOWN = "0x" + "00" * 32
METHODS = {"get": "GET", "post": "POST", "put": "PUT", "delete": "DELETE"}
ENDPOINT = "https://peer.example.org"
PEERS = (*DEFAULT_PEERS, PeerPlan("gamma-1", "gamma", "JP", 2, 8_192, 40_000))
BIDS, ASKS = "/v1/developer-offers", "/v1/provider-offers"


class Recorder:
    """Asks a service, and keeps what was sent and answered by tag and operation."""

    def __init__(self, http: httpx.Client) -> None:
        """`http` has the service's URL."""
        self._http = http
        self.page: dict[str, Any] = http.get("/openapi.json").json()
        self.kept: dict[str, dict[str, dict[str, Any]]] = {}

    def ask(
        self,
        operation: str,
        status: int,
        sign: Sign | None = None,
        body: Any = None,
        **parameters: Any,
    ) -> Any:
        """Ask, signed if `sign` is given; return the answer, which must have `status`."""
        method, path = operation.split(" ")
        query = {k: v for k, v in parameters.items() if f"{{{k}}}" not in path}
        target = path.format(**parameters)
        request = self._http.build_request(method, target, params=query or None, json=body)
        if sign is not None:
            raw = request.url.raw_path.decode("ascii")
            request.headers["Authorization"] = sign(method, raw, request.content)
        answer = self._http.send(request)
        if answer.status_code != status:
            raise SystemExit(f"{operation} answered {answer.status_code}: {answer.text}")
        is_text = "json" not in answer.headers["content-type"]
        self.keep(operation, status, parameters, body, answer.text if is_text else answer.json())
        return answer.text if is_text else answer.json()

    def keep(
        self, operation: str, status: int, parameters: dict[str, Any], body: Any, answer: Any
    ) -> None:
        """Keep an example; parameters and body are those of the first, which goes well."""
        method, path = operation.split(" ")
        tag = self.page["paths"][path][method.lower()]["tags"][0]
        kept = self.kept.setdefault(tag, {}).setdefault(operation, {})
        if not kept and parameters:
            kept["parameters"] = parameters
        if not kept.get("answers") and body is not None:
            kept["body"] = body
        kept.setdefault("answers", {})[str(status)] = cut(answer)

    def follow(self, last_event_id: str) -> None:
        """Keep the first events of the stream behind one."""
        headers = {"Last-Event-ID": last_event_id}
        text = ""
        with self._http.stream("GET", "/v1/events", headers=headers) as answer:
            for chunk in answer.iter_text():
                text += chunk
                if text.count("\n\n") > ITEMS:
                    break
        events = "\n\n".join(text.split("\n\n")[: ITEMS + 1]) + "\n\n"
        self.keep("GET /v1/events", 200, {"last-event-id": last_event_id}, None, events)

    def missing(self) -> list[str]:
        """Return the operations of the page that were not asked."""
        asked = {operation for kept in self.kept.values() for operation in kept}
        every = {
            f"{METHODS[method]} {path}"
            for path, operations in self.page["paths"].items()
            for method in operations
        }
        return sorted(every - asked)


def cut(value: Any) -> Any:
    """Return a value with short lists and texts, and without this machine's ports."""
    if isinstance(value, dict):
        if str(value.get("endpoint", "")).startswith("http://127.0.0.1"):
            value = value | {"endpoint": ENDPOINT}
        return {name: cut(member) for name, member in value.items()}
    if isinstance(value, list):
        return [cut(item) for item in value[:ITEMS]]
    if isinstance(value, str) and value.count("\n") > LINES:
        return "\n".join(value.split("\n")[:LINES]) + "\n"
    return value


def record(market: LocalMarket) -> Recorder:
    """Ask everything once."""
    wiring = market.wiring
    with create_http_client(base_url=wiring.client.matcher, timeout=30) as http:
        recorder = Recorder(http)
        bid, deal = _trade(market, recorder)
        _ask_offers(market, recorder, bid)
        _ask_deals(wiring, recorder, bid, deal)
        _ask_metered(market, recorder)
        _ask_audits(market, recorder)
        _ask_market(wiring, recorder)
        _ask_reputations(wiring, recorder)
        _ask_book(recorder)
        _ask_service(recorder)
    return recorder


def _trade(market: LocalMarket, recorder: Recorder) -> tuple[Bid, int]:
    """Post an offer of three units with room for a fourth, and wait until it runs."""
    wiring = market.wiring
    client = DeveloperClient(wiring, "developer")
    app = load_app(CHECKOUT / "examples" / "greeting")
    client.publish(app)
    requirement = Requirement(
        units=4, min_units=2, max_price=20_000, deposit=2_000_000, min_regions=2, tip=30_000
    )
    bid = _sign(wiring, requirement, app.app)
    recorder.ask(f"POST {BIDS}", 201, body=bid.body | client.sign_target(bid.hash, 3))
    for state in client.watch_offer(bid, WAIT_SECONDS):
        print(state["status"])
    return bid, int(state["deal"])


def _sign(wiring: Wiring, requirement: Requirement, app: Hash) -> Bid:
    account = wiring.account("developer")
    now = wiring.clock.refresh()
    return sign_bid(requirement, app, account, wiring.deployment, wiring.market, wiring.usdc, now)


def _ask_offers(market: LocalMarket, recorder: Recorder, bid: Bid) -> None:
    wiring, ask = market.wiring, recorder.ask
    developer, gamma = _signer(wiring, "developer"), _signer(wiring, "gamma")
    ask(f"POST {BIDS}", 200, body=bid.body)
    ask(f"POST {BIDS}", 400, body=_forge(bid.body, max_price="1"))
    low = _sign(wiring, Requirement(units=6, max_price=9_000, deposit=500_000), Hash(bid.offer.app))
    ask(f"POST {BIDS}", 201, body=low.body)
    provider = ProviderClient(wiring, "gamma")
    sale = provider.sign_offer(market.peer_ids["gamma-1"], 35_000)
    ask(f"POST {ASKS}", 201, body=sale.body)
    ask(f"POST {ASKS}", 200, body=sale.body)
    ask(f"POST {ASKS}", 400, body=_forge(sale.body, price="1"))
    ask(f"GET {BIDS}", 200, developer=bid.offer.developer, limit=ITEMS)
    ask(f"GET {ASKS}", 200, provider=provider.address, limit=ITEMS)
    for path, hash_, owner in ((BIDS, low.hash, developer), (ASKS, sale.hash, gamma)):
        ask(f"GET {path}", 400, cursor="none of ours")
        one = path + "/{hash}"
        ask(f"GET {one}", 200, hash=bid.hash if path == BIDS else hash_)
        ask(f"GET {one}", 404, hash=UNKNOWN)
        if path == BIDS:
            ask(f"GET {one}/explain", 200, hash=hash_)
            ask(f"GET {one}/explain", 404, hash=UNKNOWN)
        ask(f"DELETE {one}", 200, hash=hash_, sign=owner)
        ask(f"DELETE {one}", 401, hash=hash_)


def _forge(body: Mapping[str, Any], **members: str) -> dict[str, Any]:
    """Return an offer that its account did not sign."""
    return {**body, "offer": {**body["offer"], **members}}


def _ask_deals(wiring: Wiring, recorder: Recorder, bid: Bid, deal: int) -> None:
    ask, sign = recorder.ask, _signer(wiring, "developer")
    ask("GET /v1/deals", 200, developer=bid.offer.developer, live=True, limit=ITEMS)
    ask("GET /v1/deals", 400, cursor="none of ours")
    for name in ("", "/assignments", "/matches", "/versions"):
        found = ask("GET /v1/deals/{deal}" + name, 200, deal=deal)
        ask("GET /v1/deals/{deal}" + name, 404, deal=NOBODY)
        if name == "/assignments":
            smallest = min(found["items"], key=lambda row: row["units"])["id"]
        if name == "/matches":
            match = found["items"][0]
    ask("GET /v1/assignments", 200, alive=True, limit=ITEMS)
    ask("GET /v1/assignments", 400, cursor="none of ours")
    ask("GET /v1/assignments/{assignment}", 200, assignment=smallest)
    ask("GET /v1/assignments/{assignment}", 404, assignment=NOBODY)
    ask("GET /v1/history", 200, deal=deal, limit=ITEMS)
    ask("GET /v1/history", 400, names="Nothing")
    ask("GET /v1/matches", 200, limit=ITEMS)
    ask("GET /v1/matches", 400, cursor="none of ours")
    ask("GET /v1/matches/{match}", 200, match=match["id"])
    ask("GET /v1/matches/{match}", 404, match=NOBODY)
    ask("GET /v1/books/{digest}", 200, digest=match["book"])
    ask("GET /v1/books/{digest}", 404, digest=UNKNOWN)
    wishes = "/v1/deals/{deal}/replacements"
    ask(f"POST {wishes}", 201, deal=deal, body={"assignment": smallest}, sign=sign)
    ask(f"POST {wishes}", 200, deal=deal, body={"assignment": smallest}, sign=sign)
    ask(f"POST {wishes}", 401, deal=deal, body={"assignment": smallest})
    ask(f"GET {wishes}", 200, deal=deal)
    ask(f"GET {wishes}", 404, deal=NOBODY)
    ask(f"DELETE {wishes}/{{assignment}}", 200, deal=deal, assignment=smallest, sign=sign)
    ask(f"DELETE {wishes}/{{assignment}}", 401, deal=deal, assignment=smallest)
    target = f"PUT {BIDS}/{{hash}}/target"
    ask(target, 200, hash=bid.hash, body={"units": 4}, sign=sign)
    ask(target, 400, hash=bid.hash, body={"units": 40}, sign=sign)


def _ask_metered(market: LocalMarket, recorder: Recorder) -> None:
    """Have one metered unit, redeem a voucher for it, and ask what was redeemed."""
    wiring = market.wiring
    client, provider = DeveloperClient(wiring, "developer"), ProviderClient(wiring, "gamma")
    sale = provider.sign_offer(market.peer_ids["gamma-1"], 280_000, kind=PriceKind.METERED)
    provider.post(sale)
    built = limit_fuel(load_app(CHECKOUT / "examples" / "greeting"), 10**9)
    client.publish(built)
    developer = wiring.account("developer")
    wanted = Requirement(
        units=1, max_price=300_000, deposit=3_000_000, meter=developer.address, tip=0
    )
    bid = client.offer(wanted, built.app)
    for state in client.watch_offer(bid, WAIT_SECONDS):
        print("metered:", state["status"])
    deal = int(state["deal"])
    [assignment] = client.deal(deal)["assignments"]
    voucher = sign_usage(wiring.domain, AssignmentUsage(assignment["id"], 10**12), developer.key)
    wiring.sender(developer).send(wiring.meter.redeem([voucher]))
    path = "GET /v1/deals/{deal}/redemptions"
    while not client.matcher.get(f"/v1/deals/{deal}/redemptions")["items"]:
        time.sleep(0.2)
    recorder.ask(path, 200, deal=deal)
    recorder.ask(path, 404, deal=NOBODY)
    for of in ("claims", "deal-changes", "redemptions"):
        recorder.ask(f"GET /v1/{of}", 200, developer=client.address, limit=ITEMS)
        recorder.ask(f"GET /v1/{of}", 400, developer="0x12")


def _ask_audits(market: LocalMarket, recorder: Recorder) -> None:
    """Ask a peer about an epoch, which it answers by itself, and take a juror's seat."""
    wiring, ask = market.wiring, recorder.ask
    epoch = next_epoch(wiring, lambda peer: True) - 1
    for name, call in (
        ("developer", wiring.audits.call("ask", 1, epoch, 0)),
        ("gamma", wiring.audits.call("take_seat", 0, market.peer_ids["gamma-1"])),
    ):
        sender = wiring.sender(wiring.account(name))
        sender.send(wiring.flt.call("approve", wiring.deployment.audits, 2**255))
        sender.send(call)
    client = DeveloperClient(wiring, "developer")
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        if {row["state"] for row in client.matcher.items("/v1/cases")} == {"closed"}:
            break
        time.sleep(0.2)
    ask("GET /v1/cases", 200, state="closed")
    ask("GET /v1/cases", 400, cursor="none of ours")
    ask("GET /v1/cases/{case}", 200, case=1)
    ask("GET /v1/cases/{case}", 404, case=NOBODY)
    ask("GET /v1/contradictions", 200, limit=ITEMS)
    ask("GET /v1/contradictions", 400, cursor="none of ours")
    ask("GET /v1/seats", 200, peer=market.peer_ids["gamma-1"])
    ask("GET /v1/seats", 400, peer=-1)


def _ask_market(wiring: Wiring, recorder: Recorder) -> None:
    ask = recorder.ask
    gamma = wiring.account("gamma").address
    ask("GET /v1/peers", 200, region=0, limit=ITEMS)
    ask("GET /v1/peers", 400, region=256)
    ask("GET /v1/peers/{peer}", 200, peer=1)
    ask("GET /v1/peers/{peer}", 404, peer=NOBODY)
    ask("GET /v1/peers/{peer}/document", 200, peer=1)
    ask("GET /v1/peers/{peer}/document", 404, peer=NOBODY)
    ask("GET /v1/sites", 200)
    ask("GET /v1/measuring-gateways", 200)
    ask("GET /v1/latencies", 200, peer=1, limit=ITEMS)
    ask("GET /v1/latencies", 400, peer=-1)
    ask("GET /v1/providers", 200, limit=ITEMS)
    ask("GET /v1/providers", 400, cursor="none of ours")
    ask("GET /v1/accounts/{address}", 200, address=gamma)
    ask("GET /v1/accounts/{address}", 400, address="me")
    ask("GET /v1/providers/{address}", 200, address=gamma)
    ask("GET /v1/providers/{address}", 400, address="me")
    ask("GET /v1/providers/{address}/opportunities", 200, address=gamma, epochs=10)
    ask("GET /v1/providers/{address}/opportunities", 400, address=gamma, epochs=0)
    epochs = ask("GET /v1/epochs", 200, limit=ITEMS)
    ask("GET /v1/epochs", 400, cursor="none of ours")
    ask("GET /v1/epochs/{epoch}", 200, epoch=epochs["items"][0]["epoch"])
    ask("GET /v1/epochs/{epoch}", 400, epoch=-1)
    ask("GET /v1/units", 200, limit=ITEMS)
    ask("GET /v1/units", 400, limit=101)
    ask("GET /v1/statistics", 200)


def _ask_reputations(wiring: Wiring, recorder: Recorder) -> None:
    ask, gamma = recorder.ask, wiring.account("gamma").address
    for path, wrong in (
        ("/v1/peers/{peer}/reputation", {"peer": NOBODY}),
        ("/v1/providers/{address}/reputation", {"address": wiring.deployment.market}),
    ):
        right = {"peer": 1} if "peer" in wrong else {"address": gamma}
        ask(f"GET {path}", 200, **right)
        ask(f"GET {path}", 404, **wrong)
        ask(f"GET {path}/events", 200, **right, figure="activated", limit=ITEMS)
        ask(f"GET {path}/events", 404, **wrong)
    ask("GET /v1/reputations", 200, of="peers", sort="age", limit=ITEMS)
    ask("GET /v1/reputations", 400, sort="stars")


def _ask_book(recorder: Recorder) -> None:
    body = {"units": 6, "min_memory_mib": "2048", "regions": "0", "max_price": "50000"}
    recorder.ask("POST /v1/quotes", 200, body=body)
    recorder.ask("POST /v1/quotes", 400, body={"units": 0})
    recorder.ask("GET /v1/book/depth", 200, traits=0)
    recorder.ask("GET /v1/book/depth", 400, region=256)
    recorder.follow("0:0")
    recorder.ask("GET /v1/events", 400, deal=-1)


def _ask_service(recorder: Recorder) -> None:
    for path in ("/v1/status", "/v1/health/live", "/v1/health/ready", "/metrics"):
        recorder.ask(f"GET {path}", 200)


def _signer(wiring: Wiring, name: str) -> Sign:
    return request_signer(wiring.domain, wiring.account(name).key, wiring.clock.refresh)


def write(recorder: Recorder) -> None:
    """Write one file for each tag, and remove those of before. Exits when one is missing."""
    if recorder.missing():
        raise SystemExit(f"not asked: {', '.join(recorder.missing())}")
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for tag, kept in sorted(recorder.kept.items()):
        text = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{tag}.json").write_text(text, encoding="utf-8")
        print(f"wrote {tag}.json")


def main() -> None:
    """Record and write everything."""
    with tempfile.TemporaryDirectory(prefix="wasmarket-examples-") as folder:
        market = start_market(Home(Path(folder)), Plan(peers=PEERS, ports=FREE_PORTS), print)
        try:
            write(record(market))
        finally:
            market.stop()


if __name__ == "__main__":
    main()
