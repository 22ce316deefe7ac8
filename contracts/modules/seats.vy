# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Seats
@license Apache-2.0
@notice The places of the jurors: taken for a stake, drawn by chance, fined for silence.
@dev Places are numbered from 0 and never move while an accusation waits for its draw, so that a
     draw depends on nothing but chance.
"""

from ..interfaces import IAudits
from ..interfaces import IRecords
from . import docket
from . import epochs
from . import purse
from . import subjects

uses: epochs
uses: purse
uses: subjects

JURY: constant(uint256) = 7
MAX_TRIES: constant(uint256) = 64
MAX_FINES: constant(uint256) = 5

SEAT: public(immutable(uint256))
_FINE: immutable(uint256)

# Places, and those of them that are not empty.
seat_count: public(uint256)
taken_seats: public(uint256)

_seats: HashMap[uint256, uint256]


@deploy
def __init__(seat: uint256):
    SEAT = seat
    _FINE = seat // MAX_FINES


@external
def take_seat(seat: uint256, peer: uint256):
    """
    @notice Take an empty place as a juror, or the next new one if none is empty; costs the stake of
            a seat. Provider of the peer only.
    @param seat The place.
    @param peer A peer of yours with units for sale; its wallet may vote too.
    """
    record: IRecords.Peer = subjects._peer(peer)
    assert record.provider == msg.sender, "audits: not the provider"
    assert record.units > 0, "audits: no units"
    assert seat <= self.seat_count, "audits: no such seat"
    assert self._seats[seat] == 0, "audits: seat taken"
    if seat == self.seat_count:
        assert self.taken_seats == seat, "audits: empty seats first"
        self.seat_count += 1
    self.taken_seats += 1
    self._store(seat, IAudits.Juror(peer=peer, since=block.timestamp, quit=0, fines=0, cases=0))
    purse._spend(msg.sender, SEAT)


@external
def quit_seat(seat: uint256):
    """
    @notice Leave the jury: no accusation from now on draws you. Provider only.
    @param seat The seat.
    """
    juror: IAudits.Juror = self._load(seat)
    assert subjects._provider(juror.peer) == msg.sender, "audits: not the provider"
    assert juror.quit == 0, "audits: already quitting"
    juror.quit = block.timestamp
    self._store(seat, juror)


@external
def free_seat(seat: uint256):
    """
    @notice Empty the place of a juror that quit some epochs ago, or has the most fines, and give
            its provider back what is left of the stake. Anyone.
    @param seat A seat that is in no case.
    """
    juror: IAudits.Juror = self._load(seat)
    assert juror.peer != 0, "audits: no such seat"
    assert juror.cases == 0, "audits: seat in use"
    assert (
        juror.fines == MAX_FINES
        or (juror.quit != 0 and block.timestamp > juror.quit + epochs.CASE * epochs.EPOCH_SECONDS)
    ), "audits: too soon"
    self.taken_seats -= 1
    self._store(seat, empty(IAudits.Juror))
    purse._credit(subjects._provider(juror.peer), SEAT - juror.fines * _FINE)


@external
@view
def seat_word(seat: uint256) -> uint256:
    """
    @notice Read the packed record of a seat.
    @param seat The place, from 0.
    @return Peer 32 bits, since 40, quit 40, fines 8, cases 16; zero if the place is empty.
    """
    return self._seats[seat]


@internal
def _pack(seat: uint256):
    """
    @dev Move the last seat into an empty place, or give up the last place if it is empty.
    """
    assert seat < self.seat_count, "audits: no such seat"
    assert self._seats[seat] == 0, "audits: seat taken"
    last: uint256 = self.seat_count - 1
    self.seat_count = last
    if self._seats[last] != 0:
        juror: IAudits.Juror = self._load(last)
        assert juror.cases == 0, "audits: seat in use"
        self._store(last, empty(IAudits.Juror))
        self._store(seat, juror)


@internal
def _draw(case: uint256, record: IAudits.Case, accuser: address) -> uint256:
    """
    @dev Draw a jury among the seats that were taken before the accusation and not quit since.
    @param case The accusation, which is the salt.
    @param record Its record.
    @param accuser Whose seats are left out, like those of the accused.
    @return Seven places of 32 bits each, low bits first; zero if too few were found.
    """
    accused: address = subjects._provider(record.peer)
    seed: bytes32 = keccak256(abi_encode(block.prevrandao, case))
    jury: uint256 = 0
    drawn: DynArray[uint256, JURY] = []
    for attempt: uint256 in range(MAX_TRIES):
        seat: uint256 = (convert(keccak256(abi_encode(seed, attempt)), uint256) % record.seats)
        if seat in drawn:
            continue
        juror: IAudits.Juror = self._load(seat)
        if (
            juror.peer == 0
            or juror.since >= record.since
            or (juror.quit != 0 and juror.quit <= record.since)
            or juror.fines == MAX_FINES
            or subjects._provider(juror.peer) in [accused, accuser]
        ):
            continue
        jury |= seat << (32 * len(drawn))
        drawn.append(seat)
        if len(drawn) == JURY:
            break
    if len(drawn) < JURY:
        return 0
    for seat: uint256 in drawn:
        juror: IAudits.Juror = self._load(seat)
        juror.cases += 1
        self._seats[seat] = docket._pack_juror(juror)
    return jury


@internal
def _dismiss(seat: uint256, is_fined: bool) -> address:
    """
    @dev Let a juror go from a case, fined or not; a fine is burned.
    @return Its provider.
    """
    juror: IAudits.Juror = self._load(seat)
    juror.cases -= 1
    if is_fined and juror.fines < MAX_FINES:
        juror.fines += 1
        purse._burn(_FINE)
        self._store(seat, juror)
    else:
        self._seats[seat] = docket._pack_juror(juror)
    return subjects._provider(juror.peer)


@internal
@view
def _peer_of(seat: uint256) -> uint256:
    return self._load(seat).peer


@internal
@view
def _load(seat: uint256) -> IAudits.Juror:
    return docket._unpack_juror(self._seats[seat])


@internal
def _store(seat: uint256, juror: IAudits.Juror):
    self._seats[seat] = docket._pack_juror(juror)
    log IAudits.Seat(
        seat=seat, peer=juror.peer, since=juror.since, quit=juror.quit, fines=juror.fines
    )
