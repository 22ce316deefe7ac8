"""What a provider lets a peer run: read from a TOML file, applied by pure functions."""

import tomllib
from dataclasses import dataclass, field, fields, replace

import msgspec

from peer.copies.kept import NO_COPIES, CopyTerms
from peer.policy.copies_table import parse_copy_terms
from peer.policy.credit_table import parse_credit
from peer.policy.document_table import DocumentTerms, parse_document_terms
from peer.policy.pricing import Pricing
from peer.policy.pricing_table import parse_pricing
from peer.vouchers.credit import USUAL_CREDIT, Credit
from wasmarket.kernel.addresses import parse_address
from wasmarket.kernel.documents.app_parts import Limits, Manifest
from wasmarket.kernel.errors import ConfigError, InvalidInput, Refused
from wasmarket.kernel.reasons import LeaveReason
from wasmarket.kernel.units import Address, format_usdc

MIB = 1024 * 1024


class PolicyRefused(Refused):
    """Refused by policy"""

    slug = "policy-refused"

    def __init__(self, detail: str, reason: LeaveReason, remedy: str | None = None) -> None:
        """Keep the number that goes on chain."""
        super().__init__(detail, remedy=remedy)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Policy:
    """What a peer takes on. Sizes in bytes, times in milliseconds."""

    effectors: tuple[str, ...] = ()
    """Effectors that apps may ask for."""
    programs: dict[str, str] = field(default_factory=dict)
    """Paths of programs that apps may mount, by the names that they say."""
    networked_programs: tuple[str, ...] = ()
    """Names of those that have this machine's network; the others have none."""
    chains: dict[str, str] = field(default_factory=dict)
    """URLs of nodes that events of other chains are read from, by the chain's id."""
    developers: tuple[Address, ...] = ()
    """If given, only these developers."""
    refused_developers: tuple[Address, ...] = ()
    max_units: int = 0
    """Most units of one deal on this peer; 0: no cap."""
    max_units_per_developer: int = 0
    """Most units of all deals of one developer on this peer; 0: no cap."""
    min_runway: int = 0
    """Fewest epochs that a deal's balance must pay for this peer's units."""
    max_module_bytes: int = 64 * MIB
    max_modules: int = 32
    max_call_ms: int = 60_000
    max_input_bytes: int = 16 * MIB
    max_output_bytes: int = 16 * MIB
    max_storage_bytes: int = 1024 * MIB
    """Most bytes that all services of a deal keep in their storage; its app may say fewer."""
    max_storage_files: int = 65_536
    """Most files and folders that they keep there."""
    offers: Pricing | None = None
    """What is asked for the units, if the offers are to be made by this policy."""
    metered: Credit = USUAL_CREDIT
    """What deals that pay for usage may owe."""
    copies: CopyTerms = NO_COPIES
    """Whose receipts are kept here too."""
    document: DocumentTerms | None = None
    """What the peer says of itself; None: what `peer document set` keeps in its folder."""


@dataclass(frozen=True, slots=True)
class Applicant:
    """What the chain says of a deal that wants to run here."""

    developer: Address
    units: int
    """All units of the deal on this peer."""
    epochs_funded: int
    """Whole epochs that the deal's balance would pay for this peer's units."""
    is_metered: bool = False
    developer_units: int = 0
    """Units of the developer's other deals on this peer, those that came first."""


def parse_policy(text: str, name: str) -> Policy:
    """Read a policy file. Raises ConfigError that names the file and the key."""
    known = [field.name for field in fields(Policy)]
    try:
        document = tomllib.loads(text)
        for key in document:
            if key not in known:
                raise InvalidInput(f"it has no setting {key!r}; it has {', '.join(known)}")
        asked = document.pop("offers", None)
        credit = document.pop("metered", {})
        copies = document.pop("copies", {})
        own = document.pop("document", None)
        policy = msgspec.convert(document, type=Policy)
        for key, value in document.items():
            if isinstance(value, int) and value < 0:
                raise InvalidInput(f"{key} is negative")
        for program in policy.networked_programs:
            if program not in policy.programs:
                raise InvalidInput(f"networked_programs names {program!r}, programs does not")
        for chain, url in policy.chains.items():
            if not (chain.isascii() and chain.isdecimal()) or not url.startswith(
                ("http:", "https:")
            ):
                raise InvalidInput(f"chains: {chain!r} is no chain id, or {url!r:.80} no URL")
        return replace(
            policy,
            developers=_addresses(policy.developers),
            refused_developers=_addresses(policy.refused_developers),
            offers=None if asked is None else parse_pricing(asked),
            metered=parse_credit(credit),
            copies=parse_copy_terms(copies),
            document=None if own is None else parse_document_terms(own),
        )
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, InvalidInput) as error:
        raise ConfigError(f"{name}: {error}", field="policy") from error


def check_applicant(policy: Policy, applicant: Applicant) -> None:
    """Check what is known before the manifest is. Raises PolicyRefused."""
    if policy.developers and applicant.developer not in policy.developers:
        raise _refused(f"the developer {applicant.developer} is not on the list")
    if applicant.developer in policy.refused_developers:
        raise _refused(f"the developer {applicant.developer} is refused")
    if policy.max_units and applicant.units > policy.max_units:
        raise _refused(f"{applicant.units} units are more than the {policy.max_units} allowed")
    most, held = policy.max_units_per_developer, applicant.developer_units
    if most and applicant.units + held > most:
        raise _refused(
            f"{applicant.units} units and the developer's other {held} are more than {most} allowed"
        )
    if applicant.epochs_funded < policy.min_runway and not applicant.is_metered:
        raise _refused(
            f"the deal pays for {applicant.epochs_funded} epochs, {policy.min_runway} are asked"
        )


def check_manifest(policy: Policy, manifest: Manifest, memory_mib: int) -> None:
    """Check an app against the policy and a unit's memory. Raises PolicyRefused."""
    for effector in manifest.effectors.names:
        if effector not in policy.effectors:
            raise PolicyRefused(
                f"the effector {effector!r} is not allowed here", LeaveReason.EFFECTOR
            )
    for program in manifest.effectors.programs:
        if program not in policy.programs:
            raise PolicyRefused(
                f"the program {program!r} is not allowed here", LeaveReason.EFFECTOR
            )
    for trigger in manifest.triggers:
        if trigger.chain and str(trigger.chain) not in policy.chains:
            raise _refused(f"events of chain {trigger.chain} are not read here")
    if len(manifest.module_cids) > policy.max_modules:
        raise _refused(f"{len(manifest.module_cids)} modules are too many")
    limits = manifest.limits
    for name, asked, most in (
        ("call_ms", limits.call_ms, policy.max_call_ms),
        ("input_bytes", limits.input_bytes, policy.max_input_bytes),
        ("output_bytes", limits.output_bytes, policy.max_output_bytes),
        ("storage_bytes", limits.storage_bytes, policy.max_storage_bytes),
        ("storage_files", limits.storage_files, policy.max_storage_files),
    ):
        if asked is not None and asked > most:
            raise _refused(f"{name} {asked} is more than the {most} allowed")
    memory = sum(service.total_memory_limit for service in manifest.services)
    if memory > memory_mib * MIB:
        raise PolicyRefused(
            f"the services may take {memory} bytes, a unit has {memory_mib} MiB",
            LeaveReason.OUT_OF_CAPACITY,
            "lower total_memory_limit, or ask for peers with more memory per unit",
        )


def check_credit(policy: Policy, limits: Limits) -> None:
    """Check what a metered app asks to owe. Raises PolicyRefused."""
    asked, terms = limits.credit, policy.metered
    if asked is None or terms.least_redeem <= asked <= terms.credit:
        return
    least, most = format_usdc(terms.least_redeem), format_usdc(terms.credit)
    raise PolicyRefused(
        f"the app asks to owe {format_usdc(asked)} USDC, here it is from {least} to {most}",
        LeaveReason.POLICY,
        "deploy with another --credit, or without one",
    )


def _refused(detail: str) -> PolicyRefused:
    return PolicyRefused(detail, LeaveReason.POLICY)


def _addresses(given: tuple[Address, ...]) -> tuple[Address, ...]:
    return tuple(parse_address(address) for address in given)
