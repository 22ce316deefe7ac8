"""Have the components of services compiled before any worker needs them."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import peer
from peer.runtime.errors import ModuleError, StartFailed
from peer.runtime.module.code_files import CODE, MARK, EngineSettings, name_code
from peer.runtime.module.service import COMPONENT_ABI, ServiceSpec

ROOT: Final = Path(peer.__file__).resolve().parents[1]
COMPILE_SECONDS: Final = 600.0
SAID_BYTES: Final = 2_000


async def compile_components(specs: Sequence[ServiceSpec], cache: Path) -> None:
    """Compile each component of `specs` whose code is not in `cache` yet, one after another.

    Raises `ModuleError` for one that does not compile, `StartFailed` when it takes too much.
    """
    components = [spec for spec in specs if spec.abi == COMPONENT_ABI]
    if not components:
        return
    settings = EngineSettings.of(specs)
    for spec in components:
        name = name_code(spec.facade.digest, settings.fingerprint())
        if not all((cache / f"{name}{ending}").exists() for ending in (CODE, MARK)):
            await _compile(spec, settings, cache)


async def _compile(spec: ServiceSpec, settings: EngineSettings, cache: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "peer.runtime.components.compile_process",
        str(spec.facade.path),
        str(cache),
        str(int(settings.consume_fuel)),
        str(int(settings.canonical_nans)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "LC_ALL": "C.UTF-8"},
    )
    try:
        async with asyncio.timeout(COMPILE_SECONDS):
            _, said = await process.communicate()
    except TimeoutError as error:
        raise StartFailed(
            f"compiling the component of service {spec.name} takes more than {COMPILE_SECONDS:g} s"
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = said[-SAID_BYTES:].decode(errors="replace").strip()
    if process.returncode == 1 and text:
        raise ModuleError(text)
    if process.returncode:
        raise StartFailed(
            f"compiling the component of service {spec.name} needs more memory or time than a "
            f"peer allows (the compiler ended with {process.returncode})"
        )
