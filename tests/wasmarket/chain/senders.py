"""A contract that counts, and senders to it, for tests of transactions."""

import threading
from concurrent.futures import ThreadPoolExecutor

from wasmarket.chain.sending.sender import Sender

COUNTER = """
# pragma version 0.4.3

count: public(uint256)
closed: public(bool)
late: public(bool)

@external
def add():
    assert not self.closed, "counter: closed"
    self.count += 1

@external
def add_once(expected: uint256):
    assert self.count == expected, "counter: too late"
    self.count += 1

@external
def add_and_note(after: uint256):
    self.count += 1
    if block.timestamp >= after:
        self.late = True

@external
def close():
    self.closed = True

@external
def fail():
    raise
"""

CHAIN_ID = 31337


def build_sender(rpc, account, **changes):
    return Sender(rpc, account, **({"chain_id": CHAIN_ID, "timeout": 20.0, "poll": 0.02} | changes))


def in_thread(function, *args):
    pool = ThreadPoolExecutor(1)
    future = pool.submit(function, *args)
    pool.shutdown(wait=False)
    return future


def await_true(condition, tries=1000):
    """Look again and again until it is so."""
    for _ in range(tries):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come true")


def await_pending(rpc, count):
    """Wait until the node's pool holds so many transactions."""
    await_true(lambda: int(rpc.request("txpool_status")["pending"], 16) >= count)
