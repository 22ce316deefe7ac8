"""Seats are taken for a peer of one's own: another's is named before anything is sent."""

from types import SimpleNamespace

import pytest

from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.errors import InvalidInput
from wasmarket_cli.provider.peer_seats import check_owner

pytestmark = pytest.mark.unit

OWNER, OTHER = "0x" + "11" * 20, "0x" + "22" * 20


def lens(provider):
    return SimpleNamespace(peers=lambda numbers: [SimpleNamespace(provider=provider)])


def test_check_owner__own_peer__is_fine():
    check_owner(lens(OWNER), 7, OWNER)


def test_check_owner__no_such_peer__says_so():
    with pytest.raises(InvalidInput, match="there is no peer 7"):
        check_owner(lens(ZERO_ADDRESS), 7, OWNER)


def test_check_owner__peer_of_another__names_both_and_the_remedy():
    with pytest.raises(InvalidInput, match=f"{OTHER}, not to {OWNER}") as error:
        check_owner(lens(OTHER), 7, OWNER)

    assert "--key" in error.value.remedy
