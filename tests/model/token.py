"""Say what an ordinary ERC-20 with permit does, as far as the law touches it."""

from collections import defaultdict
from dataclasses import dataclass, field

from tests.model.terms import Address, Permit, need


@dataclass
class Token:
    """Balances and allowances. A reason is the token's own text."""

    balance: dict[Address, int] = field(default_factory=lambda: defaultdict(int))
    allowance: dict[tuple[Address, Address], int] = field(default_factory=lambda: defaultdict(int))
    nonce: dict[Address, int] = field(default_factory=lambda: defaultdict(int))

    def move(self, sender: Address, to: Address, amount: int) -> None:
        """Transfer `amount`, or refuse when the sender has less."""
        need(self.balance[sender] >= amount, "erc20: not enough balance")
        self.balance[sender] -= amount
        self.balance[to] += amount

    def pull(self, spender: Address, owner: Address, amount: int) -> None:
        """Let `spender` take `amount` of the owner's tokens by allowance."""
        need(self.allowance[owner, spender] >= amount, "erc20: not enough allowance")
        self.move(owner, spender, amount)
        if self.allowance[owner, spender] != 2**256 - 1:
            self.allowance[owner, spender] -= amount

    def permit(self, spender: Address, owner: Address, permit: Permit, now: int) -> None:
        """Set an allowance by signature if it holds; an unfit permit changes nothing."""
        if now <= permit.deadline and (permit.signer, permit.nonce) == (owner, self.nonce[owner]):
            self.nonce[owner] += 1
            self.allowance[owner, spender] = permit.value
