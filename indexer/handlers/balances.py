"""Free money, as the contract's ledger moves it (CONTRACTS section 6)."""

from wasmarket.kernel.units import Address, Amount
from wasmarket.store.chain.rows import ChainRows
from wasmarket.store.enums import Uint
from wasmarket.store.tables import AccountRow


def get_account(rows: ChainRows, address: Address) -> AccountRow:
    """Return an account's row, a new one with nothing in it at its first appearance."""
    account = rows.find(AccountRow, address)
    if account is None:
        account = rows.add(
            AccountRow, address=address, free=Amount(0), counter=Uint(0), earned=Amount(0)
        )
    return account


def credit(rows: ChainRows, address: Address, amount: int) -> None:
    """Add to an account's free balance."""
    if amount:
        account = get_account(rows, address)
        account.free = Amount(account.free + amount)


def spend(rows: ChainRows, address: Address, amount: int) -> None:
    """Take from an account's free balance; what is missing came from its tokens."""
    account = get_account(rows, address)
    account.free = Amount(max(0, account.free - amount))
