"""Rent other people's machines to run WebAssembly functions, from Python.

`market = wasmarket.connect()`; see docs/how-to/python.md. What is named here is loaded when it is
first used, so that `import wasmarket` takes no time.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from wasmarket.app.file import App, load_app
    from wasmarket.chain.sending.wallet import Account
    from wasmarket.client.market.amounts import BaseUnits
    from wasmarket.client.market.connection import ConnectedMarket, connect
    from wasmarket.client.market.developer import Developer
    from wasmarket.client.market.provider import Provider
    from wasmarket.kernel import errors
    from wasmarket.kernel.errors import MarketError

__all__ = [
    "Account",
    "App",
    "BaseUnits",
    "ConnectedMarket",
    "Developer",
    "MarketError",
    "Provider",
    "connect",
    "errors",
    "load_app",
]

_HOMES = {
    "Account": "wasmarket.chain.sending.wallet",
    "App": "wasmarket.app.file",
    "BaseUnits": "wasmarket.client.market.amounts",
    "ConnectedMarket": "wasmarket.client.market.connection",
    "Developer": "wasmarket.client.market.developer",
    "MarketError": "wasmarket.kernel.errors",
    "Provider": "wasmarket.client.market.provider",
    "connect": "wasmarket.client.market.connection",
    "errors": "wasmarket.kernel.errors",
    "load_app": "wasmarket.app.file",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    return home if name == "errors" else getattr(home, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
