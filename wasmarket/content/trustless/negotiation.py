"""Find out in which form content is wanted: `format`, `Accept` and the parameters of CAR files."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from wasmarket.kernel.errors import InvalidInput, NotAcceptable

RAW: Final = "application/vnd.ipld.raw"
CAR: Final = "application/vnd.ipld.car"
FORMATS: Final = {"raw": RAW, "car": CAR}
IPNS_RECORD: Final = "ipns-record"
CAR_VALUES: Final = {"version": ("1",), "order": ("dfs", "unk"), "dups": ("y", "n")}
CAR_DEFAULTS: Final = {"version": "1", "order": "dfs", "dups": "n"}
MAX_ACCEPT: Final = 8_192
MAX_RANGES: Final = 64
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_RANGE: Final = re.compile(rf"[ \t]*({_TOKEN}/{_TOKEN})[ \t]*")
_PARAMETER: Final = re.compile(
    rf';[ \t]*(?:({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\]|\\.)*)"))?[ \t]*', re.DOTALL
)
_QUALITY: Final = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class WantedForm:
    """What to send; `is_by_accept` when the URL alone does not say so."""

    media_type: str
    car: Mapping[str, str]
    asked: frozenset[str] = frozenset()
    """The parameters of the CAR that were asked for, not taken by default."""
    is_by_accept: bool = False

    @property
    def has_duplicates(self) -> bool:
        """Tell whether a block is sent each time that it occurs."""
        return self.car["dups"] == "y"

    @property
    def format(self) -> str:
        """Return the short name of the form."""
        return "raw" if self.media_type == RAW else "car"

    @property
    def content_type(self) -> str:
        """Return the `Content-Type`, with all that is known of a CAR.

        The order is depth first also for those who asked for none in particular.
        """
        if self.media_type == RAW:
            return RAW
        return f"{CAR}; version=1; order=dfs; dups={self.car['dups']}"


@dataclass(frozen=True, slots=True)
class _MediaRange:
    kind: str
    parameters: Mapping[str, str]
    quality: float


def choose_form(
    format: str | None, accept: Iterable[str], car: Mapping[str, str | None]
) -> WantedForm:
    """Return the form that a request asks for.

    `accept` are the lines of that header, `car` the values of `car-version`, `car-order` and
    `car-dups` in the URL, which count more. Raises InvalidInput, NotAcceptable.
    """
    by_accept = [_read_form(wanted, car) for wanted in _read_accept(accept)]
    accepted = next((form for form in by_accept if form is not None), None)
    if format is None:
        if accepted is not None:
            return accepted
        if not by_accept:
            raise InvalidInput(
                "the request does not say in which form it wants the content",
                field="Accept",
                remedy=f"add ?format=raw or ?format=car, or send Accept: {RAW}",
            )
        raise _not_acceptable("this gateway serves blocks as they are, no files or pages of them")
    if format == IPNS_RECORD:
        raise InvalidInput(
            "an IPNS record is not under /ipfs/", field="format", remedy="choose raw or car"
        )
    if format not in FORMATS:
        raise _not_acceptable(f"this gateway does not serve {format!r:.80}")
    media_type = FORMATS[format]
    same = accepted if accepted is not None and accepted.media_type == media_type else None
    form = same or _build_form(media_type, {}, car)
    if form is None:
        raise _not_acceptable(f"a CAR file is not written that way here: {dict(car)}")
    differs = bool(accepted) and same is None
    return WantedForm(form.media_type, form.car, form.asked, is_by_accept=differs)


def _read_form(wanted: _MediaRange, car: Mapping[str, str | None]) -> WantedForm | None:
    if wanted.kind not in (RAW, CAR) or wanted.quality == 0:
        return None
    return _build_form(wanted.kind, wanted.parameters, car)


def _build_form(
    media_type: str, parameters: Mapping[str, str], car: Mapping[str, str | None]
) -> WantedForm | None:
    """Return the form, None for a CAR with parameters that are not offered."""
    if media_type == RAW:
        return WantedForm(RAW, CAR_DEFAULTS)
    given = {name: value for name in CAR_VALUES if (value := car[name] or parameters.get(name))}
    if any(value not in CAR_VALUES[name] for name, value in given.items()):
        return None
    return WantedForm(CAR, CAR_DEFAULTS | given, frozenset(given))


def _read_accept(lines: Iterable[str]) -> list[_MediaRange]:
    """Return the media ranges of all lines, the best first; what cannot be read is left out."""
    text = ",".join(lines)
    if len(text) > MAX_ACCEPT:
        raise InvalidInput(f"the Accept header has more than {MAX_ACCEPT} bytes", field="Accept")
    found: list[_MediaRange] = []
    at = 0
    while at < len(text) and len(found) < MAX_RANGES:
        kind = _RANGE.match(text, at)
        if kind is None:
            at = _skip(text, at)
            continue
        at = kind.end()
        parameters: dict[str, str] = {}
        while (match := _PARAMETER.match(text, at)) is not None:
            at = match.end()
            if match[1]:
                value = match[2] if match[3] is None else re.sub(r"\\(.)", r"\1", match[3])
                parameters.setdefault(match[1].lower(), value)
        if at < len(text) and text[at] != ",":
            at = _skip(text, at)
            continue
        at += 1
        quality = parameters.pop("q", "1")
        if _QUALITY.fullmatch(quality):
            found.append(_MediaRange(kind[1].lower(), parameters, float(quality)))
    return sorted(found, key=lambda wanted: -wanted.quality)


def _skip(text: str, at: int) -> int:
    """Return where the next entry begins."""
    comma = text.find(",", at)
    return len(text) if comma < 0 else comma + 1


def _not_acceptable(detail: str) -> NotAcceptable:
    return NotAcceptable(
        detail,
        field="format",
        remedy="add ?format=raw or ?format=car, and check the hashes of what you receive",
    )
