"""Where everything of one user lives: `$WASMARKET_HOME` (DESIGN 8.8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = "WASMARKET_HOME"


@dataclass(frozen=True, slots=True)
class Home:
    """The folders and files under one home."""

    root: Path

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.root / "wasmarket.toml"

    @property
    def keys(self) -> Path:
        """Account keys, `<name>.json`."""
        return self.root / "keys"

    @property
    def deployments(self) -> Path:
        """Deployment files of local chains, `<chain id>.json`."""
        return self.root / "deployments"

    @property
    def local_policy(self) -> Path:
        """What the peers of a local market allow."""
        return self.root / "policy.toml"

    @property
    def store(self) -> Path:
        """The default database."""
        return self.root / "store.sqlite"

    @property
    def logs(self) -> Path:
        """Logs of background processes."""
        return self.root / "logs"

    @property
    def locks(self) -> Path:
        """Lock files of accounts in use."""
        return self.root / "locks"

    @property
    def offers(self) -> Path:
        """What was offered by policy, `<provider>.json`."""
        return self.root / "offers"

    @property
    def gateway(self) -> Path:
        """The gateway's blocks."""
        return self.root / "gateway"

    @property
    def code(self) -> Path:
        """Compiled code of the modules that `wasmarket run` has run, named by their content."""
        return self.root / "code"

    def peer(self, name: str) -> Path:
        """The folder of one peer."""
        return self.root / "peers" / name

    def peer_names(self) -> list[str]:
        """Return the names of the peers that were made here."""
        return sorted(key.parent.name for key in self.root.glob("peers/*/key"))

    def wallet_name(self, peer: str) -> str:
        """Return the name in `keys` of a peer's hot wallet."""
        return f"peer-{peer}"


def find_home(environ: Mapping[str, str], given: str | None = None) -> Home:
    """Return the home: `given`, else `$WASMARKET_HOME`, else `~/.wasmarket`."""
    text = given or environ.get(ENVIRONMENT) or "~/.wasmarket"
    return Home(Path(text).expanduser().absolute())
