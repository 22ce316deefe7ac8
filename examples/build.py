"""Build the example apps: `python -m examples.build [folder …]`, all of them by default.

Each module with a `build` table in its `app.toml` is compiled with the pinned Debian compiler, its
signatures are taken from the section that the guest crate leaves, and the typed interface, the
SDK version and the manifest are appended. The result depends on the sources only, not on where
they lie, so anybody can rebuild the committed bytes.
"""

import argparse
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from peer.runtime.abi.encoder import encode_interface
from peer.runtime.abi.interface_types import SECTION
from peer.runtime.abi.signature_text import parse_declarations
from peer.runtime.errors import ModuleError
from peer.runtime.module.check import (
    MANIFEST_SECTION,
    SDK_SECTION,
    ModuleManifest,
    encode_manifest,
    inspect_module,
)
from peer.runtime.wasm.sections import append_custom, read_custom, read_outline, remove_custom

EXAMPLES = Path(__file__).resolve().parent
# NOTE: Debian's own compiler by its full path: others cannot load Debian's Wasm library.
RUSTC = "/usr/bin/rustc"
PINNED_COMPILER = "rustc 1.63.0"
SIGNATURES = "wasmarket-signatures"
FLAGS = [
    "--target=wasm32-wasi",
    "--edition=2021",
    "-Copt-level=s",
    "-Cpanic=abort",
    "-Cstrip=symbols",
    "-Ccodegen-units=1",
]
# A small stack keeps the guest's memory small, so that a fresh instance starts faster.
MODULE_FLAGS = ["--crate-type=cdylib", "-Clto=fat", "-Clink-arg=-zstack-size=65536"]
# A build time would make every build another; this one says that there is none.
NO_BUILD_TIME = "1970-01-01T00:00:00+00:00"


def find_compiler() -> str | None:
    """Return the version of Debian's compiler, None where it or its Wasm library is missing."""
    try:
        version = subprocess.run([RUSTC, "--version"], capture_output=True, text=True, check=True)
        libraries = subprocess.run(
            [RUSTC, "--print=target-libdir", "--target=wasm32-wasi"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return version.stdout.strip() if Path(libraries.stdout.strip()).is_dir() else None


def compile_crate(crate: Path, features: list[str], guest: Path) -> bytes:
    """Compile a crate that depends on the guest crate; raise CalledProcessError with its log."""
    with tempfile.TemporaryDirectory() as folder:
        library, module = Path(folder, "libguest.rlib"), Path(folder, "module.wasm")
        options = [f'--cfg=feature="{feature}"' for feature in features]
        rlib = ["--crate-type=rlib", "--crate-name=guest", "-o", str(library)]
        _run_compiler(guest, [*options, *rlib])
        name = read_package(crate)["name"].replace("-", "_")
        options += [f"--crate-name={name}", f"--extern=guest={library}", "-o", str(module)]
        _run_compiler(crate, [*MODULE_FLAGS, *options])
        return module.read_bytes()


def finish_module(wasm: bytes, package: dict[str, Any], sdk_version: str) -> bytes:
    """Replace the guest crate's signatures by Marine's three sections."""
    custom = read_custom(wasm)
    if SIGNATURES not in custom:
        raise ModuleError("the crate exports nothing with guest::export!")
    declared = parse_declarations(custom[SIGNATURES].decode())
    # The guest crate declares all it knows; what the module does not use, the linker left out.
    used = {(wanted.module, wanted.name) for wanted in read_outline(wasm).imports}
    imports = [(name, part) for name, part in declared.imports if (name, part.name) in used]
    manifest = ModuleManifest(
        authors=", ".join(package.get("authors", [])),
        version=package["version"],
        description=package.get("description", ""),
        repository=package.get("repository", ""),
        build_time=NO_BUILD_TIME,
    )
    wasm = remove_custom(wasm, frozenset({SIGNATURES, "producers", "target_features"}))
    wasm = append_custom(wasm, SECTION, encode_interface(declared.functions, imports))
    wasm = append_custom(wasm, SDK_SECTION, sdk_version.encode())
    wasm = append_custom(wasm, MANIFEST_SECTION, encode_manifest(manifest))
    inspect_module(wasm, {module for module, _ in imports})
    return wasm


def build_app(app: Path) -> dict[Path, bytes]:
    """Return the bytes of each module of an app, by the path where they belong."""
    built = {}
    for service in tomllib.loads(Path(app, "app.toml").read_text())["service"]:
        for module in service["module"]:
            if "build" not in module:
                continue
            crate = app / module["build"]["crate"]
            guest = EXAMPLES / "guest"
            wasm = compile_crate(crate, module["build"].get("features", []), guest)
            sdk_version = read_package(guest)["version"]
            built[app / module["path"]] = finish_module(wasm, read_package(crate), sdk_version)
    return built


def read_package(crate: Path) -> dict[str, Any]:
    """Return the package table of a crate's Cargo.toml."""
    package: dict[str, Any] = tomllib.loads(Path(crate, "Cargo.toml").read_text())["package"]
    return package


def _run_compiler(crate: Path, options: list[str]) -> None:
    # NOTE: run inside the crate with a relative path, or the path ends up in the bytes.
    subprocess.run([RUSTC, *FLAGS, *options, "src/lib.rs"], cwd=crate, check=True)


def main() -> None:
    """Build the apps named on the command line."""
    parser = argparse.ArgumentParser(description="Build the example apps.")
    parser.add_argument("app", nargs="*", type=Path, help="folders with an app.toml")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    chosen = parser.parse_args()
    compiler = find_compiler()
    if compiler is None:
        parser.exit(1, "install the compiler: apt-get install rustc libstd-rust-dev-wasm32 lld\n")
    if not compiler.startswith(PINNED_COMPILER):
        print(f"note: {compiler} gives other bytes than the pinned {PINNED_COMPILER}")
    for app in chosen.app or sorted(path.parent for path in EXAMPLES.glob("*/app.toml")):
        for path, wasm in build_app(app.resolve()).items():
            if not chosen.check:
                path.write_bytes(wasm)
            elif not path.exists() or path.read_bytes() != wasm:
                parser.exit(1, f"{path} is not what its source gives\n")
            print(f"{path}: {len(wasm)} bytes")


if __name__ == "__main__":
    main()
