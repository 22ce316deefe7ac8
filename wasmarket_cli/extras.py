"""Which extra of the package a command needs, said when one of its modules is not installed."""

from typing import Final

from wasmarket.kernel.errors import ConfigError

OF_COMMAND: Final = {
    "content": "gateway",
    "dev": "peer",
    "export": "indexer",
    "flow": "peer",
    "gateway": "gateway",
    "indexer": "indexer",
    "keeper": "keeper",
    "local": "all",
    "match": "matcher",
    "matcher": "matcher",
    "audit": "meter",
    "meter": "meter",
    "payments": "payments",
    "peer": "peer",
    "repl": "build",
    "run": "peer",
    "test": "peer",
}
"""What a command needs as a whole; where it is missing the module decides."""

OF_MODULE: Final = {
    "alembic": "gateway",
    "cffi": "peer",
    "cryptography": "service",
    "fastapi": "service",
    "fpdf": "pdf",
    "httptools": "service",
    "nacl": "service",
    "numba": "matcher",
    "numpy": "matcher",
    "prompt_toolkit": "build",
    "psycopg": "postgres",
    "pydantic": "service",
    "sqlalchemy": "gateway",
    "stripe": "payments",
    "starlette": "service",
    "uvicorn": "service",
    "uvloop": "service",
    "wasmtime": "peer",
    "websockets": "peer",
    "web3": "web3",
}


class MissingExtra(ConfigError):
    """A part of Wasmarket is not installed"""

    slug = "missing-extra"


def explain_missing(error: ModuleNotFoundError, command: str | None) -> MissingExtra | None:
    """Say which extra brings the module that is missing; None if it is no module of an extra."""
    module = (error.name or "").partition(".")[0]
    extra = OF_MODULE.get(module)
    if extra is None:
        return None
    if extra != "postgres":
        extra = OF_COMMAND.get(command or "", extra)
    subject = "wasmarket" if command is None else f"wasmarket {command}"
    return MissingExtra(
        f"{subject} needs the extra: pip install 'wasmarket[{extra}]'",
        remedy=f"the module {module} is not installed",
    )
