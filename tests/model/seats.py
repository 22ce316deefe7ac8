"""Say who may sit on a jury: places that are taken for a stake, drawn by chance, and fined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eth_utils import keccak

from tests.model.purse import Purse
from tests.model.terms import CASE, Address, Clock, Parameters, need

if TYPE_CHECKING:
    from tests.model.audits import Case
    from tests.model.market import Market

JURY = 7
TRIES = 64
MOST_FINES = 5


@dataclass
class Seat:
    """A juror's place."""

    peer: int
    since: int
    quit: int = 0
    fines: int = 0
    cases: int = 0


class Seats(Purse):
    """The places, in order; None is an empty one."""

    seats: list[Seat | None]
    market: Market
    parameters: Parameters
    clock: Clock

    @property
    def taken_seats(self) -> int:
        """Count the places that are not empty."""
        return sum(seat is not None for seat in self.seats)

    def seat(self, place: int) -> Seat:
        """Find who sits at a place."""
        found = self.seats[place]
        assert found is not None
        return found

    def take_seat(self, caller: Address, place: int, number: int) -> None:
        """Take an empty place, or a new one if none is empty."""
        peer = self.market.peers.get(number)
        need(peer is not None and peer.provider == caller, "audits: not the provider")
        assert peer is not None
        need(peer.units > 0, "audits: no units")
        need(place <= len(self.seats), "audits: no such seat")
        if place == len(self.seats):
            need(None not in self.seats, "audits: empty seats first")
            self.seats.append(None)
        need(self.seats[place] is None, "audits: seat taken")
        self.seats[place] = Seat(number, self.clock.now)
        self._say_seat(place)
        self._spend(caller, self.parameters.seat)

    def quit_seat(self, caller: Address, place: int) -> None:
        """Be in no later accusation's jury."""
        seat = self._find(place)
        owner = self.market.peers[seat.peer].provider if seat else None
        need(owner == caller, "audits: not the provider")
        assert seat is not None
        need(seat.quit == 0, "audits: already quitting")
        seat.quit = self.clock.now
        self._say_seat(place)

    def free_seat(self, caller: Address, place: int) -> None:
        """Give a place up, some time after it was quit or at once when it is fined out."""
        seat = self._find(place)
        need(seat is not None, "audits: no such seat")
        assert seat is not None
        need(seat.cases == 0, "audits: seat in use")
        wait = CASE * self.parameters.epoch_seconds
        is_over = seat.quit != 0 and self.clock.now > seat.quit + wait
        need(seat.fines == MOST_FINES or is_over, "audits: too soon")
        self.seats[place] = None
        self._say_seat(place)
        self._credit(self.market.peers[seat.peer].provider, self._worth(seat))

    def _pack(self, place: int) -> None:
        need(place < len(self.seats), "audits: no such seat")
        need(self.seats[place] is None, "audits: seat taken")
        last = self.seats[-1]
        need(last is None or last.cases == 0, "audits: seat in use")
        end = len(self.seats) - 1
        if last is not None:
            self.seats[end] = None
            self._say_seat(end)
            self.seats[place] = last
            self._say_seat(place)
        self.seats.pop()

    def drawn(self, seed: bytes, case: Case, refused: set[Address]) -> list[int]:
        """Draw seven different seats that were there at the accusation, as chance has it."""
        jury: list[int] = []
        for attempt in range(TRIES):
            number = keccak(seed + attempt.to_bytes(32, "big"))
            place = int.from_bytes(number, "big") % case.seats
            seat = self.seats[place]
            if len(jury) == JURY or place in jury or seat is None:
                continue
            was_there = seat.since < case.since and (seat.quit == 0 or seat.quit > case.since)
            is_strange = self.market.peers[seat.peer].provider not in refused
            if was_there and is_strange and seat.fines < MOST_FINES:
                jury.append(place)
        return jury

    def _dismiss(self, place: int, is_fined: bool) -> Address:
        seat = self.seat(place)
        seat.cases -= 1
        if is_fined and seat.fines < MOST_FINES:
            seat.fines += 1
            self.burned += self.parameters.seat // MOST_FINES
            self._say_seat(place)
        return self.market.peers[seat.peer].provider

    def worth_of_seats(self) -> int:
        """Sum what the seats would get back now."""
        return sum(self._worth(seat) for seat in self.seats if seat)

    def _worth(self, seat: Seat) -> int:
        return self.parameters.seat - seat.fines * (self.parameters.seat // MOST_FINES)

    def _find(self, place: int) -> Seat | None:
        return self.seats[place] if place < len(self.seats) else None

    def _say_seat(self, place: int) -> None:
        seat = self.seats[place] or Seat(0, 0)
        self._emit(
            "Audits",
            "Seat",
            seat=place,
            peer=seat.peer,
            since=seat.since,
            quit=seat.quit,
            fines=seat.fines,
        )
