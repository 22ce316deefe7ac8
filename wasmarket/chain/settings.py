"""Which chain to use; read by the composition root, passed down to every part."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """Table `[chain]`: the node's URL, the deployment file, and blocks to wait for.

    `deployment` empty: `<home>/deployments/<chain id>.json`, then the committed one.
    `check_headers`: compare each block's logs with its header, and its header with its hash.
    """

    rpc: str = "http://127.0.0.1:8545"
    deployment: str = ""
    confirmations: int = 0
    check_headers: bool = True
