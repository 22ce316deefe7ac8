"""Check an app as a peer would, before anybody pays for it: its modules, links and effectors."""

from pathlib import Path

from content.exporter import read_file
from kernel.hashing import sha256
from peer.hosting.versions import build_spec
from peer.runtime.links import plan_service
from peer.runtime.service import validate_spec
from wasmarket.app_file import App


def check_app(app: App) -> None:
    """Raise `ModuleError` with what a peer would refuse, whatever its policy."""
    manifest = app.manifest
    wasms = {cid: read_file(cid, app.get) for cid in manifest.module_cids}
    files = {cid: (Path(), sha256(wasm)) for cid, wasm in wasms.items()}
    for service in manifest.services:
        spec = build_spec(service, manifest.limits, files, Path(), manifest.effectors)
        validate_spec(spec)
        plan_service(spec, [wasms[module.cid] for module in service.modules])
