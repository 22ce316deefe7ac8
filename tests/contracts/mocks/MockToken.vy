# pragma version 0.4.3
"""
@title Mock token
@license Apache-2.0
@notice A token that misbehaves on demand: answers false, keeps a fee, blocks payees, calls back.
@dev Anybody may mint and switch its faults. Only for tests.
"""

MAX_DATA: constant(uint256) = 4_096
FEE_PARTS: constant(uint256) = 100

decimals: public(uint8)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
is_blocked: public(HashMap[address, bool])
answers_false: public(bool)
takes_fee: public(bool)

# What to call, once, in the middle of the next transfer or permit; and whether that succeeded.
target: public(address)
data: public(Bytes[MAX_DATA])
calls: public(uint256)
successes: public(uint256)


@deploy
def __init__(minter: address):
    self.decimals = 6


@external
def set_decimals(decimals: uint8):
    self.decimals = decimals


@external
def set_faults(answers_false: bool, takes_fee: bool):
    self.answers_false = answers_false
    self.takes_fee = takes_fee


@external
def set_blocked(account: address, is_blocked: bool):
    self.is_blocked[account] = is_blocked


@external
def set_call(target: address, data: Bytes[MAX_DATA]):
    self.target = target
    self.data = data


@external
def poke(target: address, data: Bytes[MAX_DATA]):
    """
    @notice Call as this token, outside of any transfer.
    """
    raw_call(target, data)


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    return self._move(msg.sender, to, amount)


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    if not self.answers_false:
        self.allowance[owner][msg.sender] -= amount
    return self._move(owner, to, amount)


@external
def permit(
    owner: address,
    spender: address,
    amount: uint256,
    deadline: uint256,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    self.allowance[owner][spender] = amount
    self._call_back()


@internal
def _move(owner: address, to: address, amount: uint256) -> bool:
    if self.answers_false:
        return False
    assert not self.is_blocked[to], "mock: blocked"
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount - (amount // FEE_PARTS if self.takes_fee else 0)
    self._call_back()
    return True


@internal
def _call_back():
    if self.target == empty(address):
        return
    target: address = self.target
    self.target = empty(address)
    success: bool = raw_call(target, self.data, revert_on_failure=False)
    self.calls += 1
    if success:
        self.successes += 1
