"""Table `[payments]` of the settings."""

from dataclasses import dataclass, field

SECRET = {"secret": True}
"""Metadata of settings that are shown to nobody."""


@dataclass(frozen=True, slots=True)
class PaymentsSettings:
    """How a payment gateway quotes, takes cards, delivers and defends itself.

    Amounts of money are in minor units (cents), limits of a day in cents of a dollar. `key` names
    the treasury's account in `keys/`. `processor` is `sandbox` or `stripe`; `processor_url`
    replaces its usual address. `webhook_secrets`: several while they are being exchanged.
    """

    host: str = "127.0.0.1"
    port: int = 8604
    public_url: str = ""
    """Where browsers and the processor reach this service; empty: where it listens."""
    key: str = "treasury"
    processor: str = "sandbox"
    processor_url: str = ""
    processor_key: str = field(default="", repr=False, metadata=SECRET)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False, metadata=SECRET)
    currencies: tuple[str, ...] = ("usd", "eur")
    rates: str = "fixed"
    """`fixed`, or the file or URL of a JSON document of rates."""
    usdc_usd: str = "1"
    """Fixed price of a whole token in a currency; empty: not sold for it."""
    usdc_eur: str = ""
    flt_usd: str = ""
    flt_eur: str = ""
    rate_max_age_seconds: int = 300
    fee_bps: int = 300
    """Hundredths of a percent of the amount, rounded up."""
    fee_fixed: int = 30
    min_amount: int = 100
    max_amount: int = 100_000
    max_card_month: int = 100_000
    """Most that a buyer may let a saved card be charged for in a month."""
    per_card_day: int = 200_000
    per_account_day: int = 500_000
    per_client_day: int = 500_000
    per_day: int = 5_000_000
    """Of all together; 0 in any limit of a day: none."""
    quote_seconds: int = 900
    late_seconds: int = 60
    """For how long after the quote's end a payment still counts."""
    when_stopped: str = "account"
    """Where money for a deal that ended meanwhile goes: `account`, its developer's, or `card`."""
    give_up_seconds: int = 86_400
    """What cannot be delivered for so long goes back to the card."""
    final_blocks: int = 12
    """Blocks on top of a delivery's after which no reorg is expected."""
    low_usdc: int = 100
    """Whole tokens of the treasury below which it is said to be low."""
    low_flt: int = 0
    low_coins_gwei: int = 10**8
    grant_gwei: int = 0
    """Coins that a new account is given for gas; 0: none are."""
    grants_per_client_day: int = 2
    grants_per_day: int = 50
    poll_seconds: float = 0.5
    look_seconds: int = 20
    """How often the processor is asked about a checkout of which it tells nothing."""
    processor_timeout: float = 20.0
    requests_per_minute: int = 120
    """Per client address; 0: no limit."""
    proxies: tuple[str, ...] = ()
