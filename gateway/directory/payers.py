"""Who pays for a deal: some room for uploads is kept for those."""

from typing import Final

from gateway.directory.deals import Directory
from wasmarket.kernel.units import Address

PAYER_SECONDS: Final = 30.0
"""How long it may take until somebody who begins to pay is known as one."""


class Payers:
    """The developers of all deals that have not ended, as they were known last."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._known: frozenset[Address] = frozenset()

    def has(self, account: Address) -> bool:
        """Say whether an account pays for a deal."""
        return account in self._known

    async def refresh(self) -> None:
        """Ask anew. Raises Unreachable; what was known stays so."""
        self._known = await self._directory.find_developers()
