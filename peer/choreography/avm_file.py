"""Find AquaVM's module, which is no part of this package, and check that it is the one.

It comes from npm (`@fluencelabs/avm`, Apache-2.0): decision 0053.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

from wasmarket.kernel.errors import ConfigError

VERSION: Final = "0.62.0"
SHA256: Final = "4a9f248d19582a4c0c638a3e4485d092dbf707dd7ad766f5320698b082010eba"
PLACE: Final = Path("node_modules", "@fluencelabs", "avm", "dist", "avm.wasm")
CHECKOUT: Final = Path(__file__).resolve().parents[2] / "tools"
REMEDY: Final = (
    f"run `npm install --prefix FOLDER @fluencelabs/avm@{VERSION}` and set `[peer] avm` to "
    f"FOLDER/{PLACE}"
)


def find_code_cache(setting: str, module: Path, cache: Path) -> Path:
    """Return where compiled code of `module` lies; `cache` is the peer's own.

    All peers that run from a checkout share one.
    """
    if setting:
        return Path(setting).expanduser()
    if module == CHECKOUT / PLACE and os.access(CHECKOUT.parent, os.W_OK):
        return CHECKOUT.parent / ".build" / "avm"
    return cache / "avm"


def find_avm(setting: str) -> Path | None:
    """Return the checked module; None if nothing is set and none is in the checkout's tools.

    Raises ConfigError for a file that is set and is missing or another one.
    """
    path = Path(setting).expanduser() if setting else CHECKOUT / PLACE
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        if not setting:
            return None
        raise ConfigError(f"[peer] avm: {path}: {error.strerror}", remedy=REMEDY) from error
    if found != SHA256:
        raise ConfigError(f"{path} is not AquaVM {VERSION}: its sha256 is {found}", remedy=REMEDY)
    return path
