"""Who signs the usage of a deal that is about to be offered."""

from wasmarket.app.file import App
from wasmarket.app.overrides import ask_credit, limit_fuel
from wasmarket.kernel.addresses import ZERO_ADDRESS, parse_address
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.units import Address


def find_meter(metered: bool, meter: str | None, developer: str, app: App) -> Address:
    """Return who signs usage, the developer if nobody else; zero for a reserved deal.

    Raises InvalidInput as `check_meter`, and for an app whose calls have no limit of fuel: no peer
    counts their work.
    """
    check_meter(metered, meter)
    if not metered:
        return ZERO_ADDRESS
    if app.manifest.limits.fuel is None:
        raise InvalidInput(
            "the app has no limit of fuel, so peers would not count its work",
            field="fuel",
            remedy="give `fuel` (--fuel 1000000000 is about a second), or set it under [limits] in"
            " app.toml",
        )
    return parse_address(meter or developer, field="meter")


def ask_for_work(app: App, metered: bool, fuel: int | None, credit: int | None) -> App:
    """Return the app with the limits that are given for it: fuel, and what may be owed (USDC base
    units). Raises InvalidInput for a credit where time is paid.
    """
    if fuel is not None:
        app = limit_fuel(app, fuel)
    if credit is None:
        return app
    if not metered:
        raise InvalidInput(
            "a reserved deal is paid for time, and owes nobody",
            field="credit",
            remedy="give `metered` (--metered) too, or leave the credit out",
        )
    return ask_credit(app, credit)


def check_meter(metered: bool, meter: str | None) -> None:
    """Refuse a meter where time is paid. Raises InvalidInput."""
    if meter is not None and not metered:
        raise InvalidInput(
            "only the usage of a metered deal is signed",
            field="meter",
            remedy="give `metered` (--metered) too, or leave the meter out to pay for time",
        )
