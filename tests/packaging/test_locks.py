"""The locks: what runs is locked once, the tools do not move it, and the wheel's needs are met."""

import re
import tomllib

import pytest

from tests.paths import CHECKOUT

pytestmark = pytest.mark.unit

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read_lock(name):
    """Return the versions of a lock by package and marker."""
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    entries = re.findall(r"^([a-z0-9-]+)==(\S+)(?: ; (.*?))?(?: \\)?$", text, re.MULTILINE)
    return {(package, marker): version for package, version, marker in entries}


RUNTIME, DEVELOPMENT = read_lock("requirements.lock"), read_lock("requirements-dev.lock")


def wanted():
    """Return the names of everything that the wheel may need."""
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    lines = [line for group in groups for line in group if not line.startswith("wasmarket[")]
    return {re.match(r"[a-z0-9-]+", line)[0] for line in lines}


def test_locks__every_need_of_the_wheel__is_locked():
    assert len(wanted()) > 20
    assert wanted() <= {package for package, _ in RUNTIME}


def test_locks__development__runs_the_very_versions_of_the_runtime():
    versions = {package: version for (package, _), version in RUNTIME.items()}
    others = {package: version for (package, _), version in DEVELOPMENT.items()}

    differing = {p: (v, others.get(p)) for p, v in versions.items() if others.get(p) != v}

    assert differing == {}


@pytest.mark.parametrize("tool", ["eth-ape", "vyper", "pytest", "mypy", "ruff", "ortools"])
def test_locks__tool__is_not_in_the_runtime(tool):
    assert tool not in {package for package, _ in RUNTIME}
    assert tool in {package for package, _ in DEVELOPMENT}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks__every_entry__has_hashes_and_no_address(name):
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())

    assert "://" not in text
    assert all("--hash=sha256:" in entry for entry in entries)
