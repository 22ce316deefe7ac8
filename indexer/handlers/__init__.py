"""What each event does to the store. One function per event, no chain access.

Events carry the value after the change, so a handler assigns; what the events leave out (free
money that a match spends, units in use) is derived exactly, once per event.
"""
