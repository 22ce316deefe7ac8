"""How addresses and hashes are written in requests and answers; the kernel parses them."""

from typing import Annotated

from pydantic import WithJsonSchema

ADDRESS_SCHEMA = {
    "type": "string",
    "format": "address",
    "pattern": "^0x[0-9a-fA-F]{40}$",
    "examples": ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"],
}
HASH_SCHEMA = {
    "type": "string",
    "format": "bytes32",
    "pattern": "^0x[0-9a-fA-F]{64}$",
    "examples": ["0x" + "ab" * 32],
}

AddressText = Annotated[str, WithJsonSchema(ADDRESS_SCHEMA)]
"""An account; EIP-55 when upper and lower case are mixed. Not validated here."""

HashText = Annotated[str, WithJsonSchema(HASH_SCHEMA)]
"""32 bytes in hex. Not validated here."""
