"""Deployment files: those of this package for public chains, those of a home for local ones."""

import json
from pathlib import Path
from typing import Any, Final

from wasmarket.client.home import Home
from wasmarket.kernel.deployment import Deployment, parse_deployment
from wasmarket.kernel.errors import ConfigError

SHIPPED: Final = Path(__file__).parent / "deployments"
"""Where the files of public deployments are, `<chain id>.json`; package data."""


def find_deployment(home: Home, chain_id: int) -> Deployment:
    """Return the deployment of a chain: that of the home, else the shipped one.

    Raises ConfigError.
    """
    wanted = home.deployments / f"{chain_id}.json"
    for path in (wanted, SHIPPED / wanted.name):
        if path.is_file():
            return read_deployment(path)
    raise ConfigError(
        f"there is no deployment file {wanted}",
        field="chain.deployment",
        remedy="run `wasmarket local up`, name a file with [chain] deployment,"
        " or deploy with `ape run deploy`",
    )


def read_deployment(path: Path) -> Deployment:
    """Read a deployment file. Raises ConfigError."""
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot read {path}: {error}",
            field="chain.deployment",
            remedy="name the file that the deployment wrote",
        ) from error
    return parse_deployment(data)
