"""Check an app as a peer would, before anybody pays for it: its modules, links and effectors."""

import json
from pathlib import Path
from typing import Any, Final

from peer.hosting.versions import build_spec
from peer.policy.policy import Policy
from peer.runtime.abi.described import describe_interface
from peer.runtime.abi.guest_types import Basic, Interface
from peer.runtime.abi.json_values import compile_arguments
from peer.runtime.components.check import read_interface
from peer.runtime.errors import CallRefused, ModuleError
from peer.runtime.module.service import validate_spec
from wasmarket.app.file import App
from wasmarket.content.exporter import read_block, read_file
from wasmarket.content.unixfs import read_file_part
from wasmarket.kernel.documents.app_parts import Flow, Site
from wasmarket.kernel.documents.triggers import CHAIN_EVENT, Trigger, add_argument
from wasmarket.kernel.errors import InvalidInput
from wasmarket.kernel.hashing import sha256
from wasmarket_cli.output import say

USUAL_MODULE_BYTES: Final = Policy().max_module_bytes
"""What a peer takes whose policy says nothing else."""


def check_app(app: App) -> dict[str, dict[str, Any]]:
    """Return the typed functions of each service, as a peer would show them.

    Raises `ModuleError` with what a peer would refuse, whatever its policy.
    """
    manifest = app.manifest
    interfaces: dict[str, dict[str, Any]] = {}
    wasms = {cid: read_file(cid, app.get) for cid in manifest.module_cids}
    files = {cid: (Path(), sha256(wasm)) for cid, wasm in wasms.items()}
    for service in manifest.services:
        spec = build_spec(
            service, manifest.limits, files, Path(), manifest.effectors, manifest.settings
        )
        validate_spec(spec)
        interface = read_interface(spec, [wasms[module.cid] for module in service.modules])
        if manifest.site is not None and manifest.site.service == service.name:
            _check_site(manifest.site, interface)
        for trigger in manifest.triggers:
            if trigger.service == service.name:
                _check_trigger(trigger, interface)
        interfaces[service.name] = describe_interface(interface)
    flows = {flow.name: flow for flow in manifest.flows}
    for trigger in manifest.triggers:
        if trigger.flow:
            _check_flow_trigger(trigger, flows[trigger.flow])
    return interfaces


def list_public_envs(app: App) -> list[str]:
    """Return the names of all environment variables of an app, which its manifest publishes."""
    return [
        f"{service.name}/{module.name}: {name}"
        for service in app.manifest.services
        for module in service.modules
        for name in sorted(module.envs)
    ]


def warn_of_app(app: App) -> None:
    """Say what of an app its developer may not mean: values that all can read, modules that few
    peers take."""
    for service in app.manifest.services:
        for module in service.modules:
            size = read_file_part(module.cid, read_block(module.cid, app.get)).size
            if size > USUAL_MODULE_BYTES:
                say(
                    f"warning: module {module.name} has {size >> 20} MiB: peers take "
                    f"{USUAL_MODULE_BYTES >> 20} unless their provider allows more "
                    "(max_module_bytes), and give the deal back",
                    err=True,
                )
    if names := list_public_envs(app):
        say(f"warning: anybody can read the values of {', '.join(names)}", err=True)
        say("  the manifest is public: keys and passwords are for `wasmarket secret`", err=True)


def _check_trigger(trigger: Trigger, interface: Interface) -> None:
    """Raise `ModuleError` unless the trigger's function is there and takes its arguments.

    An event is the last of them, with values of the types that its ABI has.
    """
    signature = interface.functions.get(trigger.function)
    name = f"{trigger.service}.{trigger.function}"
    if signature is None:
        raise ModuleError(f"the {trigger.kind} trigger names {name}, which is not there")
    remedy = "give the function's arguments in order"
    given = trigger.arguments
    if trigger.kind == CHAIN_EVENT:
        given = add_argument(given, trigger.fragment.sample())
        remedy += f"; the event is the last: {json.dumps(trigger.fragment.sample())}"
    try:
        compile_arguments(signature)(given)
    except CallRefused as refused:
        raise ModuleError(
            f"the {trigger.kind} trigger of {name}: {refused.detail}", remedy=remedy
        ) from refused


def _check_flow_trigger(trigger: Trigger, flow: Flow) -> None:
    """Raise `ModuleError` unless a flow takes what its trigger gives."""
    given = trigger.arguments
    if trigger.kind == CHAIN_EVENT:
        given = add_argument(given, trigger.fragment.sample())
    try:
        flow.interface.bind(json.loads(given))
    except InvalidInput as error:
        raise ModuleError(
            f"the {trigger.kind} trigger of the flow {flow.name}: {error.detail}",
            remedy="give the flow's arguments in order; an event is the last",
        ) from error


def _check_site(site: Site, interface: Interface) -> None:
    """Raise `ModuleError` unless the site's function takes a message and returns one."""
    signature = interface.functions.get(site.function)
    name = f"{site.service}.{site.function}"
    if signature is None:
        raise ModuleError(f"the http trigger names {name}, which is not there")
    if [part.type for part in signature.parameters] != [Basic.BYTES] or signature.outputs != (
        Basic.BYTES,
    ):
        raise ModuleError(
            f"the http trigger names {name}, which is no function from bytes to bytes",
            remedy="take the request as one byte array and return the answer as one",
        )
