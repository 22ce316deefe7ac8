"""Which chain to use; read by the composition root, passed down to every part."""

from dataclasses import dataclass

GWEI = 10**9


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """Table `[chain]`: the node's URL, the deployment file, and blocks to wait for.

    `max_fee_gwei`: most that anything sent from here pays per gas, tip included; 0: no limit.
    `deployment` empty: `<home>/deployments/<chain id>.json`, then the committed one.
    `nodes`: URLs of further nodes, which are read when one fails; `must_agree`: a block is the
    newest once two of all of them know it. `websocket`: where the node tells of new blocks; empty:
    at its own URL. `check_headers`: compare each block's logs with its header, and its header
    with its hash.
    """

    rpc: str = "http://127.0.0.1:8545"
    nodes: tuple[str, ...] = ()
    must_agree: bool = False
    websocket: str = ""
    deployment: str = ""
    confirmations: int = 0
    check_headers: bool = True
    max_fee_gwei: float = 500.0

    @property
    def max_fee(self) -> int | None:
        """The most wei per gas that is paid; None: no limit."""
        return round(self.max_fee_gwei * GWEI) if self.max_fee_gwei > 0 else None
