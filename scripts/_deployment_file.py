"""Where the deployment file of a chain belongs, and how the scripts load contracts."""

import os
from pathlib import Path

import ape

from wasmarket.chain.deploying.plan import LOCAL_CHAIN_ID
from wasmarket.client.deployment_files import SHIPPED

ROOT = Path(__file__).resolve().parent.parent


def build_path(chain_id: int) -> Path:
    """Return where the deployment file of a chain belongs."""
    if chain_id != LOCAL_CHAIN_ID:
        return SHIPPED / f"{chain_id}.json"
    home = os.environ.get("WASMARKET_HOME")
    base = Path(home) if home else Path.home() / ".wasmarket"
    return base / "deployments" / f"{chain_id}.json"


def load_contracts() -> None:
    """Compile what is not compiled yet.

    Ape notices a changed contract but not a changed module, so anything newer than its cache
    makes it compile everything.
    """
    cache = ROOT / ".build" / "__local__.json"
    sources = [path for path in (ROOT / "contracts").rglob("*.vy*") if path.is_file()]
    if not cache.is_file() or any(s.stat().st_mtime > cache.stat().st_mtime for s in sources):
        ape.project.load_contracts(use_cache=False)
