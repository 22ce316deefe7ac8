"""Numbers in paths, bounded as the chain bounds them."""

from typing import Annotated

from fastapi import Path

DealNumber = Annotated[int, Path(ge=1, lt=2**32, description="a deal's number")]
EpochNumber = Annotated[int, Path(ge=0, lt=2**32)]
Sequence = Annotated[int, Path(ge=0, lt=2**64)]
