# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Ownership
@license Apache-2.0
@notice The owner, a handover in two steps, and the only switch there is: new matches on or off.
@dev The owner can neither move nor freeze money.
"""

from ..interfaces import IMarket
from . import reasons

owner: public(address)
next_owner: public(address)
paused: public(bool)


@deploy
def __init__():
    self._set_owner(msg.sender)


@internal
@view
def _check_owner(caller: address):
    reasons._need(caller == self.owner, "ownership: not the owner")


@internal
def _set_paused(paused: bool):
    self.paused = paused
    log IMarket.Paused(paused=paused)


@internal
def _offer(next_owner: address):
    self.next_owner = next_owner
    log IMarket.OwnershipOffered(next_owner=next_owner)


@internal
def _accept(caller: address):
    reasons._need(caller == self.next_owner, "ownership: not the next owner")
    self.next_owner = empty(address)
    self._set_owner(caller)


@internal
def _set_owner(owner: address):
    self.owner = owner
    log IMarket.OwnershipTransferred(owner=owner)
