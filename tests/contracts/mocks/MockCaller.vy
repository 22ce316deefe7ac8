# pragma version 0.4.3
"""
@title Mock caller
@license Apache-2.0
@notice Calls a contract twice in one transaction, as a router or a contract account may.
"""


@external
def call_twice(target: address, first: Bytes[16384], second: Bytes[16384]):
    raw_call(target, first)
    raw_call(target, second)
