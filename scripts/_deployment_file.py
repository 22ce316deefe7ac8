"""Where the deployment file of a chain belongs, and how the scripts load contracts."""

import os
import tempfile
from pathlib import Path

import ape

ROOT = Path(__file__).resolve().parent.parent
LOCAL_CHAIN_ID = 31337


def build_path(chain_id: int) -> Path:
    """Return where the deployment file of a chain belongs."""
    if chain_id != LOCAL_CHAIN_ID:
        return ROOT / "deployments" / f"{chain_id}.json"
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


def write_file(path: Path, text: str) -> None:
    """Replace a file at once: a reader sees the old or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)
