"""Account keys on disk: one Web3 Secret Storage (version 3) file per name."""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.errors import Conflict, InvalidInput, NotFound, Unauthorized
from wasmarket.kernel.units import Address

KEY_BYTES = 32
LIGHT_KDF = 1 << 10
"""Scrypt rounds without a password, where more would protect nothing."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Account:
    """An address and the private key (32 bytes) that speaks for it; never shows the key."""

    address: Address
    key: bytes = field(repr=False)

    @classmethod
    def from_key(cls, key: bytes | str) -> "Account":
        """Build the account of a private key, 32 bytes or hex. Raises InvalidInput."""
        from wasmarket.kernel.signing.signatures import address_of  # noqa: PLC0415 - curves

        try:
            raw = bytes.fromhex(key.removeprefix("0x")) if isinstance(key, str) else bytes(key)
            if len(raw) != KEY_BYTES:
                raise ValueError("another length")
            return cls(address_of(raw), raw)
        except ValueError as error:
            # The value itself stays out of the message: it may be a key with a typing error.
            raise InvalidInput(
                "this is not a private key", remedy="give 32 bytes in hex"
            ) from error

    @classmethod
    def create(cls) -> "Account":
        """Make a new account from the system's randomness."""
        return cls.from_key(os.urandom(32))


def save_account(folder: Path, name: str, account: Account, password: str = "") -> Path:
    """Write `folder`/`name`.json, readable by its owner only. Raises Conflict if it exists."""
    path = key_path(folder, name)
    rounds = None if password else LIGHT_KDF
    import eth_account  # noqa: PLC0415 - half a second, which looking at addresses need not pay

    document = eth_account.Account.encrypt(account.key, password, kdf="scrypt", iterations=rounds)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Conflict(
            f"there is a key named {name} already", remedy=f"choose another name, or move {path}"
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(document | {"name": name}, file)
        file.flush()
        os.fsync(file.fileno())
    return path


def load_account(folder: Path, name: str, password: str = "") -> Account:
    """Read `folder`/`name`.json. Raises NotFound, InvalidInput, Unauthorized (wrong password)."""
    path = key_path(folder, name)
    document = _read_document(path, name)
    import eth_account  # noqa: PLC0415 - as above

    try:
        return Account.from_key(bytes(eth_account.Account.decrypt(document, password)))
    except ValueError as error:
        if "MAC" in str(error):
            if not password:
                raise Unauthorized(
                    f"key {name} has a password, and none was given",
                    remedy="set WASMARKET_PASSWORD, or run this in a terminal, which asks for it",
                ) from error
            raise Unauthorized(f"the password of key {name} is wrong") from error
        raise InvalidInput(f"{path} is not a key file: {error}") from error
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is not a key file") from error


def load_or_create_account(folder: Path, name: str, password: str = "") -> Account:
    """Read an account, or make and save it if there is none of this name."""
    if key_path(folder, name).exists():
        return load_account(folder, name, password)
    account = Account.create()
    save_account(folder, name, account, password)
    return account


def list_accounts(folder: Path) -> dict[str, Address]:
    """Return the addresses of all saved accounts by name; needs no password.

    Files that are no key files are left out: `find_odd_files` names them.
    """
    return {
        path.stem: address
        for path in sorted(folder.glob("*.json"))
        if isinstance(address := _read_address(path), str)
    }


def find_odd_files(folder: Path) -> dict[Path, str]:
    """Return the files among the keys from which no address can be read, each with why."""
    return {
        path: odd.detail
        for path in sorted(folder.glob("*.json"))
        if isinstance(odd := _read_address(path), InvalidInput)
    }


def _read_address(path: Path) -> Address | InvalidInput:
    try:
        given = _read_document(path, path.stem).get("address")
    except InvalidInput as error:
        return error
    except NotFound:
        # Removed between the listing and the look, or a link to nowhere.
        return InvalidInput(f"{path} leads nowhere")
    try:
        return parse_address("0x" + str(given).removeprefix("0x"))
    except InvalidInput:
        return InvalidInput(f"{path} is no key file: it has no address")


def key_path(folder: Path, name: str) -> Path:
    """Return where a key of this name is kept. Raises InvalidInput for what is no file name."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot name a key",
            field="name",
            remedy="use lower-case letters, digits, - and _",
        )
    return folder / f"{name}.json"


def _read_document(path: Path, name: str) -> dict[str, object]:
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError as error:
        raise NotFound(
            f"there is no key named {name}", remedy="make one: `wasmarket wallet new`"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not a key file") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"{path} is not a key file")
    return document
