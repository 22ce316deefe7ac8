"""The processor that the settings name."""

import httpx

from payments.processors.protocol import Processor
from payments.processors.sandbox_client import DEFAULT_URL, SandboxProcessor
from payments.settings import PaymentsSettings
from wasmarket.kernel.errors import ConfigError

STRIPE, SANDBOX = "stripe", "sandbox"


def build_processor(settings: PaymentsSettings, http: httpx.Client) -> Processor:
    """Return it. Raises ConfigError."""
    if settings.processor == SANDBOX:
        if not settings.processor_key or not settings.webhook_secrets:
            raise ConfigError(
                "the sandbox's key or its webhooks' secret is not set",
                field="payments.processor_key",
                remedy="set [payments] processor_key and webhook_secrets to what the sandbox has",
            )
        url = settings.processor_url or DEFAULT_URL
        return SandboxProcessor(http, url, settings.processor_key, settings.webhook_secrets)
    if settings.processor == STRIPE:
        # 31 MB that nobody else needs.
        from payments.processors.stripe_client import StripeProcessor  # noqa: PLC0415

        return StripeProcessor(
            settings.processor_key,
            settings.webhook_secrets,
            settings.processor_url,
            settings.processor_timeout,
        )
    raise ConfigError(
        f"there is no processor {settings.processor!r}",
        field="payments.processor",
        remedy=f"use {STRIPE} or {SANDBOX}",
    )
