"""Say which blocks an app needs, so that the others may go."""

from collections.abc import Iterable, Iterator

from wasmarket.content.exporter import GetBlock, links_of
from wasmarket.content.folder import BlockFolder
from wasmarket.kernel.documents.content_ids import RAW, Cid, app_cid
from wasmarket.kernel.documents.manifest import MAX_MANIFEST_BYTES, parse_manifest
from wasmarket.kernel.errors import BadContent, ContentNotFound, InvalidInput
from wasmarket.kernel.units import Hash


def needed_by(apps: Iterable[Hash], get: GetBlock) -> set[Cid]:
    """Return the ids of the manifests of `apps`, their modules and all blocks below.

    What is missing or malformed is named itself, but leads no further.
    """
    roots = [app_cid(app) for app in apps]
    modules = [module for root in roots for module in _modules_of(root, get)]
    return set(roots) | reachable(modules, get)


def needed_by_root(root: Cid, get: GetBlock) -> set[Cid]:
    """Return the ids of all that `root` stands for: an app if it is a manifest, else a file."""
    return reachable([root, *_modules_of(root, get)], get)


def reachable(roots: Iterable[Cid], get: GetBlock) -> set[Cid]:
    """Return `roots` and the ids of all blocks below; what is missing leads no further."""
    seen = set(roots)
    waiting = list(seen)
    while waiting:
        cid = waiting.pop()
        if cid.codec == RAW:
            continue
        try:
            below = set(links_of(cid, get(cid))) - seen
        except (ContentNotFound, BadContent):
            continue
        seen |= below
        waiting.extend(below)
    return seen


def remove_unneeded(
    folder: BlockFolder, apps: Iterable[Hash], grace_seconds: float = 0.0
) -> list[Cid]:
    """Remove all blocks that no app of `apps` needs and that no pin's root needs; return them.

    Blocks stored less than `grace_seconds` ago stay: what needs them may not be known yet.
    """
    kept = needed_by(apps, folder.get) | pinned(folder)
    return [
        cid
        for cid in list(folder.cids())
        if cid not in kept and _is_old(folder, cid, grace_seconds) and folder.delete(cid)
    ]


def _is_old(folder: BlockFolder, cid: Cid, seconds: float) -> bool:
    try:
        return folder.age(cid) >= seconds
    except ContentNotFound:
        return False


def pinned(folder: BlockFolder) -> set[Cid]:
    """Return the ids of all pinned blocks and of what they stand for."""
    return {cid for root in folder.pins() for cid in needed_by_root(root, folder.get)}


def _modules_of(root: Cid, get: GetBlock) -> Iterator[Cid]:
    if root.codec != RAW:
        return
    try:
        block = get(root)
        if len(block) <= MAX_MANIFEST_BYTES and block.startswith(b"{"):
            yield from parse_manifest(block).module_cids
    except (ContentNotFound, InvalidInput):
        return
