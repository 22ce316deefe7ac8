"""How addresses, hashes and content ids are written in HTTP; the kernel parses them."""

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

CID_SCHEMA = {
    "type": "string",
    "format": "cid",
    "pattern": "^b(afkrei|afybei)[a-h][a-z2-7]{50}[aeimquy4]$",
    "examples": ["bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"],
}

ANY_CID_SCHEMA = {
    "type": "string",
    "format": "cid",
    "maxLength": 512,
    "examples": [
        "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
        "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn",
    ],
}

AddressText = Annotated[str, WithJsonSchema(ADDRESS_SCHEMA)]
"""An account; EIP-55 when upper and lower case are mixed. Not validated here."""

HashText = Annotated[str, WithJsonSchema(HASH_SCHEMA)]
"""32 bytes in hex. Not validated here."""

CidText = Annotated[str, WithJsonSchema(CID_SCHEMA)]
"""A CIDv1 of a raw or dag-pb block, sha2-256, lower-case base32. Not validated here."""

AnyCidText = Annotated[str, WithJsonSchema(ANY_CID_SCHEMA)]
"""A CID in any base, of version 0 or 1, or one that holds its block. Not validated here."""
