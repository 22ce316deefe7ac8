"""Table `[matcher]` of the settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MatcherSettings:
    """How a matcher serves, submits and defends itself.

    `key` names the account in `keys/` that sends matches. `sources` are URLs of content gateways:
    notices name them to peers, and the app of an offer is looked at there (`source_timeout`
    seconds each). Peers are asked at their endpoints for their keys every `peer_check_seconds` and
    have `peer_check_timeout` to answer; offers of those that do not are passed over (0: none are
    asked, all are offered). `evict` lets it evict absent peers of the deals it serves, so
    that their units can be refilled, and release dead assignments that their peers left behind.
    Answers over the order book look for changes at most every `book_seconds`. Limits
    (0: none): offers that hold per signer and per client address they were posted from; offers
    and signed requests per minute and signer; requests, and those that change something, per
    minute and client address.
    `proxies` are addresses of proxies in front, whose word for a client's address is believed.
    `usdc_per_coin` is what a native coin is worth: a match whose gas would cost more than its tip
    and `gas_subsidy_usdc` is not sent (0: gas is not weighed).
    `max_lag_seconds` behind the chain it is not ready. `explorer_gateway` is the URL of a gateway
    as browsers reach it, where the explorer's pages find receipts and aliases.
    `measuring_gateways` are URLs of gateways that are asked every `measuring_seconds` how long
    peers took: developers may wish for a latency by one of these, under this URL.
    """

    host: str = "127.0.0.1"
    port: int = 8600
    key: str = "matcher"
    sources: tuple[str, ...] = ()
    poll_seconds: float = 0.25
    book_seconds: float = 0.05
    evict: bool = True
    submit: bool = True
    peer_check_seconds: int = 60
    peer_check_timeout: float = 3.0
    max_offers_per_signer: int = 1_000
    max_offers_per_address: int = 10_000
    posts_per_minute: int = 600
    requests_per_minute: int = 0
    writes_per_minute: int = 6_000
    proxies: tuple[str, ...] = ()
    notice_attempts: int = 5
    notice_timeout: float = 3.0
    source_timeout: float = 2.0
    usdc_per_coin: float = 0.0
    gas_subsidy_usdc: float = 0.5
    max_lag_seconds: int = 60
    measuring_gateways: tuple[str, ...] = ()
    measuring_seconds: float = 60.0
    explorer_gateway: str = ""
    explorer_payments: str = ""
    """URL of a payment gateway as browsers reach it, to which the explorer's pages lead."""
