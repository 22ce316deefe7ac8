"""Callers are told apart by what is known of them, never by what they claim."""

import pytest

from wasmarket.serving.callers.addresses import ClientAddress, Clients, group_of

pytestmark = pytest.mark.unit

PROXY, CALLER = "10.0.0.1", "198.51.100.7"


def scope(address, **headers):
    return {
        "type": "http",
        "client": (address, 1),
        "scheme": "http",
        "headers": [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()],
    }


def test_of__header_of_a_stranger__is_not_believed():
    clients = Clients([PROXY])

    found = clients.of(scope(CALLER, x_forwarded_for="1.2.3.4", x_forwarded_proto="https"))

    assert found == ClientAddress(CALLER, "http")


@pytest.mark.parametrize("hops", [CALLER, f"1.2.3.4, {CALLER}", f"1.2.3.4, {CALLER}, {PROXY}"])
def test_of__behind_a_proxy_of_ours__is_the_last_hop_before_it(hops):
    clients = Clients([PROXY])

    found = clients.of(scope(PROXY, x_forwarded_for=hops, x_forwarded_proto="https"))

    assert found == ClientAddress(CALLER, "https")


def test_of__proxy_says_nonsense__is_the_proxy():
    assert Clients([PROXY]).of(scope(PROXY, x_forwarded_for="me")).address == PROXY


@pytest.mark.parametrize(
    ("address", "group"),
    [
        (CALLER, CALLER),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (f"::ffff:{CALLER}", CALLER),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_group_of__address__is_what_one_caller_can_have_of(address, group):
    assert group_of(address) == group
