"""Secrets that no peer can open: said, and no peer hears of them."""

from types import SimpleNamespace
from typing import Any

import pytest

from wasmarket.client.documents import secrets
from wasmarket.client.documents.deal_peers import DealPeer
from wasmarket.client.documents.secrets import DealSecrets
from wasmarket.kernel.errors import Unreachable

pytestmark = pytest.mark.unit
DEAL = 7
# No point of the curve, so nothing can be sealed to it.
UNFIT = b"\xff" * 32
FIT = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


class Document:
    """The list of a deal's secrets as its peers keep it."""

    def __init__(self, silent: dict[int, str]) -> None:
        self.handed: list[int] = []
        self._silent = silent

    def read(self, peers: list[DealPeer], path: str) -> Any:
        return SimpleNamespace(content=None, answers={}, silent={})

    def sign(self, document: Any) -> str:
        return "signed"

    def hand_out(
        self, peers: list[DealPeer], version: int, signed: Any, add: Any
    ) -> dict[int, str]:
        self.handed += [peer.number for peer in peers]
        return self._silent


@pytest.fixture
def open_deal(monkeypatch):
    def make(keys: dict[int, bytes], silent: dict[int, str]) -> tuple[DealSecrets, Document]:
        document = Document(silent)
        peers = [DealPeer(number, f"http://peer{number}") for number in keys]
        monkeypatch.setattr(secrets, "find_live_peers", lambda *_: peers)
        monkeypatch.setattr(secrets, "fetch_keys", lambda *_: keys)
        monkeypatch.setattr(secrets, "DealDocument", lambda *_: document)
        nothing: Any = SimpleNamespace(domain=None)
        return DealSecrets(nothing, nothing, DEAL), document

    return make


def test_set__no_peer_has_a_key_to_seal_to__says_so_and_no_peer_hears_of_it(open_deal):
    deal, document = open_deal({1: UNFIT, 2: UNFIT}, {})

    with pytest.raises(Unreachable, match="no peer of deal 7 can open it; peer 1: ") as refused:
        deal.set("TOKEN", b"value")

    assert "wasmarket status" in (refused.value.remedy or "")
    assert document.handed == []


def test_set__those_who_could_open_it_do_not_answer__says_so(open_deal):
    deal, _ = open_deal({1: FIT}, {1: "it does not answer"})

    with pytest.raises(Unreachable, match="can open it; peer 1: it does not answer"):
        deal.set("TOKEN", b"value")


def test_set__one_of_two_can_open_it__is_set_and_names_the_other(open_deal):
    deal, document = open_deal({1: FIT, 2: UNFIT}, {})

    state = deal.set("TOKEN", b"value")

    assert document.handed == [1, 2]
    assert dict(state.missing) == {2: ["TOKEN"]}
