"""Describe an app: its services, what they may use, their limits (DESIGN 8.4).

A manifest is one raw block of canonical JSON. Keys that have a default may be left out when it is
read; `dump_manifest` always writes them.
"""

import re
from collections.abc import Iterable
from typing import Any

from wasmarket.kernel.documents.app_parts import (
    MAX_OVERRIDES,
    MAX_SETTINGS,
    Effectors,
    Health,
    HttpEffector,
    Limits,
    Manifest,
    Module,
    Service,
    Site,
    check_overrides,
    dump_cors,
    dump_limits,
    read_cors,
    read_limits,
)
from wasmarket.kernel.documents.canonical_json import dump_canonical, parse_canonical
from wasmarket.kernel.documents.content_ids import parse_cid
from wasmarket.kernel.documents.flows import MAX_FLOWS, ROUTE, dump_flow, read_flow
from wasmarket.kernel.documents.json_fields import JsonFields, check_text
from wasmarket.kernel.documents.triggers import (
    CHAIN_EVENT,
    KINDS,
    Trigger,
    dump_trigger,
    read_trigger,
)
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.traits import effector_names

__all__ = [
    "MAX_MANIFEST_BYTES",
    "Effectors",
    "Health",
    "HttpEffector",
    "Limits",
    "Manifest",
    "Module",
    "Service",
    "Site",
    "dump_manifest",
    "parse_manifest",
    "read_manifest",
]

VERSION = 1
HTTP_TRIGGER = "http"
MAX_MANIFEST_BYTES = 1024 * 1024
MAX_SERVICES = 64
MAX_MODULES = 64
MAX_HOSTS = 256
MAX_PROGRAMS = 32
MAX_TRIGGERS = 1_024
MAX_EVENT_TRIGGERS = 16  # a peer asks its node for each
MAX_SECRETS = 64
PAGE_BYTES = 65_536
MAX_MODULE_MEMORY = 2**32
MAX_SERVICE_MEMORY = 2**40

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,254}")
_ENV_NAME = re.compile(r"[^=\0]{1,255}")
_ENV_VALUE = re.compile(r"[^\0]*")
_ALIAS = re.compile(r"(?!.*\.\.)[^\0]{1,255}", re.DOTALL)
_STORAGE = re.compile(r"/storage(/(?!\.{1,2}(/|$))[^/\0]+)*")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,255}}$){_LABEL}(\.{_LABEL})*(:[1-9][0-9]{{0,4}})?")
_A_NAME = "1 to 64 letters, digits, `_`, `-` or `.`"
_ENV_KEYS = (_ENV_NAME, "names without `=`")
_ENV_VALUES = (_ENV_VALUE, "a string without NUL")
_ALIASES = (_ALIAS, "paths without `..`")
_STORAGES = (_STORAGE, "`/storage` or a folder in it")
_BINARIES = (_NAME, _A_NAME)
_MOUNTABLE = "http"
"""The one effector that can stand behind a mounted binary; all other names may be programs."""
_A_FUNCTION = "the name of an exported function"


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest. Raises InvalidInput with the path of the field and what to do."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise InvalidInput(
            f"the manifest has {len(data)} bytes",
            remedy=f"keep it to {MAX_MANIFEST_BYTES}; put data into the modules",
        )
    return read_manifest(parse_canonical(data))


def read_manifest(document: Any) -> Manifest:
    """Read a manifest from its JSON value. Raises InvalidInput with the path of the field."""
    fields = JsonFields(document)
    fields.integer("wasmarket", VERSION, VERSION)
    effectors = _effectors(JsonFields(fields.take("effectors", {}), "effectors"))
    services = tuple(
        _service(entry, effectors) for entry in fields.objects("services", 1, MAX_SERVICES)
    )
    _check_unique([service.name for service in services], "services")
    flows = tuple(read_flow(entry) for entry in fields.objects("flows", 0, MAX_FLOWS, []))
    _check_unique([flow.name for flow in flows], "flows")
    if flows and any(service.name == ROUTE for service in services):
        raise InvalidInput(f"a service cannot be called {ROUTE!r} beside flows", field="services")
    entries = fields.objects("triggers", 0, MAX_TRIGGERS, [])
    site, triggers = _triggers(entries, services, tuple(flow.name for flow in flows))
    manifest = Manifest(
        name=fields.text("name", _NAME, _A_NAME),
        services=services,
        effectors=effectors,
        limits=read_limits(JsonFields(fields.take("limits", {}), "limits")),
        health=_health(fields.take("health", None), services),
        site=site,
        triggers=triggers,
        flows=flows,
        settings=_settings(fields, services),
        overrides=tuple(fields.items("overrides", 0, MAX_OVERRIDES, [])),
        cors=read_cors(fields),
    )
    fields.finish()
    check_overrides(manifest)
    return manifest


def dump_manifest(manifest: Manifest) -> bytes:
    """Return the manifest's block. Raises InvalidInput if no reader would accept it."""
    data = dump_canonical(_document(manifest))
    if parse_manifest(data) != manifest:
        raise InvalidInput("the manifest does not read as it was written")
    return data


def _service(fields: JsonFields, effectors: Effectors) -> Service:
    modules = tuple(
        _module(entry, effectors) for entry in fields.objects("modules", 1, MAX_MODULES)
    )
    _check_unique([module.name for module in modules], fields.path("modules"))
    service = Service(
        name=fields.text("name", _NAME, _A_NAME),
        total_memory_limit=fields.integer("total_memory_limit", PAGE_BYTES, MAX_SERVICE_MEMORY),
        modules=modules,
        abi=fields.choice("abi", ("marine", "raw", "component"), "marine"),
        instance=fields.choice("instance", ("fresh", "warm"), "fresh"),
        deterministic=fields.boolean("deterministic", False),
    )
    fields.finish()
    _check_deterministic(service, fields)
    return service


def _check_deterministic(service: Service, fields: JsonFields) -> None:
    """Check that a deterministic service has nothing that outlives a call, and no effect."""
    if not service.deterministic:
        return
    for name, present in (
        ("instance", service.instance != "fresh"),
        ("modules", any(module.mapped_dirs for module in service.modules)),
        ("modules", any(module.mounted_binaries for module in service.modules)),
    ):
        if present:
            raise InvalidInput(
                f"{fields.path(name)}: a deterministic service has fresh instances, no folders and "
                "no effectors",
                field=fields.path(name),
                remedy="leave that out, or do not say `deterministic`",
            )


def _module(fields: JsonFields, effectors: Effectors) -> Module:
    module = Module(
        name=fields.text("name", _NAME, _A_NAME),
        cid=parse_cid(fields.take("cid"), field=fields.path("cid")),
        memory_limit=fields.optional_integer("memory_limit", PAGE_BYTES, MAX_MODULE_MEMORY),
        logger_enabled=fields.boolean("logger_enabled", True),
        logging_mask=fields.integer("logging_mask", -(2**31), 2**31 - 1, 0),
        envs=fields.texts("envs", _ENV_KEYS, _ENV_VALUES),
        mapped_dirs=fields.texts("mapped_dirs", _ALIASES, _STORAGES),
        mounted_binaries=fields.texts("mounted_binaries", _BINARIES, _BINARIES),
    )
    for binary, effector in module.mounted_binaries.items():
        if effector not in effectors.names and effector not in effectors.programs:
            path = f"{fields.path('mounted_binaries')}.{binary}"
            known = effector in effector_names()
            raise InvalidInput(
                f"{path} is {effector!r}, which is not among the app's effectors",
                field=path,
                remedy=f"add {effector!r} to `effectors`"
                if known
                else f"choose from {', '.join(effector_names())}",
            )
    fields.finish()
    return module


def _effectors(fields: JsonFields) -> Effectors:
    http = None
    if fields.has("http"):
        entry = JsonFields(fields.take("http"), "effectors.http")
        hosts = entry.items("hosts", 1, MAX_HOSTS)
        for index, host in enumerate(hosts):
            path = f"effectors.http.hosts[{index}]"
            check_text(host, _HOST, "a lower-case host name, `:port` if not the usual", path)
        _check_unique(hosts, "effectors.http.hosts")
        entry.finish()
        http = HttpEffector(tuple(hosts))
    asked = {}
    for name in ("ipfs", "kv"):
        asked[name] = fields.has(name)
        JsonFields(fields.take(name, {}), f"effectors.{name}").finish()
    programs: tuple[str, ...] = ()
    if fields.has("programs"):
        programs = _read_names(fields, "programs", MAX_PROGRAMS)
        if _MOUNTABLE in programs:
            path = f"effectors.programs.names[{programs.index(_MOUNTABLE)}]"
            raise InvalidInput(
                f"{path} is {_MOUNTABLE!r}, which is the effector that binaries may stand for",
                field=path,
                remedy="leave it out, or give the program another name",
            )
    secrets = _read_names(fields, "secret", MAX_SECRETS) if fields.has("secret") else ()
    fields.finish()
    return Effectors(http=http, programs=programs, secrets=secrets, **asked)


def _read_names(fields: JsonFields, what: str, most: int) -> tuple[str, ...]:
    """Read the `names` that an effector lists, each once."""
    entry = JsonFields(fields.take(what), f"effectors.{what}")
    names = entry.items("names", 1, most)
    for index, name in enumerate(names):
        check_text(name, _NAME, _A_NAME, f"effectors.{what}.names[{index}]")
    _check_unique(names, f"effectors.{what}.names")
    entry.finish()
    return tuple(names)


def _settings(fields: JsonFields, services: tuple[Service, ...]) -> dict[str, str]:
    """Read plain values for all modules; a module's own may not hide one."""
    settings = fields.texts("settings", _ENV_KEYS, _ENV_VALUES)
    if len(settings) > MAX_SETTINGS:
        raise InvalidInput(
            f"settings has {len(settings)} entries",
            field="settings",
            remedy=f"give at most {MAX_SETTINGS}",
        )
    for service in services:
        for module in service.modules:
            for name in sorted(settings.keys() & module.envs.keys()):
                raise InvalidInput(
                    f"settings.{name} is also an environment variable of {service.name}/"
                    f"{module.name}",
                    field=f"settings.{name}",
                    remedy="give it in one place",
                )
    return settings


def _health(value: Any, services: tuple[Service, ...]) -> Health | None:
    if value is None:
        return None
    fields = JsonFields(value, "health")
    health = Health(
        service=fields.choice("service", tuple(service.name for service in services)),
        function=fields.text("function", _FUNCTION, _A_FUNCTION),
    )
    fields.finish()
    return health


def _triggers(
    entries: Iterable[JsonFields], services: tuple[Service, ...], flows: tuple[str, ...]
) -> tuple[Site | None, tuple[Trigger, ...]]:
    """Return the site, which is the trigger of HTTP, and all other triggers."""
    site, triggers = None, []
    names = tuple(service.name for service in services)
    for fields in entries:
        kind = fields.choice("kind", (HTTP_TRIGGER, *KINDS))
        if kind != HTTP_TRIGGER:
            triggers.append(read_trigger(fields, kind, names, flows))
            continue
        if site is not None:
            raise InvalidInput(
                f"{fields.path('kind')} is {kind!r} a second time",
                field=fields.path("kind"),
                remedy="an app has one site",
            )
        site = Site(
            service=fields.choice("service", names),
            function=fields.text("function", _FUNCTION, _A_FUNCTION),
        )
        fields.finish()
    events = sum(trigger.kind == CHAIN_EVENT for trigger in triggers)
    if events > MAX_EVENT_TRIGGERS:
        raise InvalidInput(
            f"triggers has {events} of kind {CHAIN_EVENT!r}",
            field="triggers",
            remedy=f"give at most {MAX_EVENT_TRIGGERS}",
        )
    return site, tuple(triggers)


def _check_unique(names: list[str], path: str) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidInput(
                f"{path} has {name!r} twice", field=f"{path}[{index}]", remedy="rename one"
            )


def _document(manifest: Manifest) -> dict[str, Any]:
    effectors: dict[str, Any] = {name: {} for name in manifest.effectors.names}
    if manifest.effectors.http is not None:
        effectors["http"] = {"hosts": list(manifest.effectors.http.hosts)}
    if manifest.effectors.programs:
        effectors["programs"] = {"names": list(manifest.effectors.programs)}
    if manifest.effectors.secrets:
        effectors["secret"] = {"names": list(manifest.effectors.secrets)}
    limits, health = manifest.limits, manifest.health
    # Written only where there are any, so that older manifests keep their ids.
    flows = {"flows": [dump_flow(flow) for flow in manifest.flows]} if manifest.flows else {}
    settings = {"settings": dict(manifest.settings)} if manifest.settings else {}
    overrides = {"overrides": list(manifest.overrides)} if manifest.overrides else {}
    cors = {} if manifest.cors is None else {"cors": dump_cors(manifest.cors)}
    return (
        flows
        | settings
        | overrides
        | cors
        | {
            "wasmarket": VERSION,
            "name": manifest.name,
            "services": [_service_document(service) for service in manifest.services],
            "effectors": effectors,
            "limits": dump_limits(limits),
            "health": health and {"service": health.service, "function": health.function},
            "triggers": [
                {"kind": HTTP_TRIGGER, "service": site.service, "function": site.function}
                for site in (manifest.site,)
                if site is not None
            ]
            + [dict(dump_trigger(trigger)) for trigger in manifest.triggers],
        }
    )


def _service_document(service: Service) -> dict[str, Any]:
    document = {
        "name": service.name,
        "abi": service.abi,
        "instance": service.instance,
        "total_memory_limit": service.total_memory_limit,
        "modules": [_module_document(module) for module in service.modules],
    }
    # Written only where it is said, so that older manifests keep their ids.
    if service.deterministic:
        document["deterministic"] = True
    return document


def _module_document(module: Module) -> dict[str, Any]:
    document = {
        "name": module.name,
        "cid": str(module.cid),
        "logger_enabled": module.logger_enabled,
        "logging_mask": module.logging_mask,
        "envs": dict(module.envs),
        "mapped_dirs": dict(module.mapped_dirs),
        "mounted_binaries": dict(module.mounted_binaries),
    }
    if module.memory_limit is not None:
        document["memory_limit"] = module.memory_limit
    return document
