"""Let the contract tests, which are written for Ape and Anvil, run in this process instead.

A node needs two minutes for all of them; a fault needs only the first that fails. Nothing of Ape
is loaded: what the tests use of it (`reverts` and three fixtures) is stood in for here.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.contracts.driver.abi import Contract
from tests.contracts.driver.boa_chain import BoaChain, Reverted

NOW = 2_000_000_000
ANVIL = 31_337
REPLACED = "tests.contracts.driver.ape_chain"


@contextmanager
def reverts(reason: str | None = None) -> Iterator[None]:
    """Expect a revert, with this reason if there is one."""
    try:
        yield
    except Reverted as error:
        if reason not in (None, str(error)):
            raise AssertionError(f"{error}, expected {reason!r}") from error
    else:
        raise AssertionError(f"no revert, expected {reason!r}")


class InProcess:
    """A pytest plugin: the fixtures of Ape, and every chain as it was before each test."""

    def __init__(self, first: Sequence[str] = ()) -> None:
        """`first`: which tests go before all others, as `failed` names them."""
        self.chains: list[BoaChain] = []
        self._places = {test: place for place, test in reversed(list(enumerate(first)))}
        self.failed = ""
        self.passed = 0
        sys.modules["ape"] = stand_in("ape", reverts=reverts)
        sys.modules[REPLACED] = stand_in(REPLACED, ApeChain=self._new_chain)

    def _new_chain(self, accounts: Any, chain: Any, project: Any, now: int) -> BoaChain:
        found = InProcessChain(now)
        self.chains.append(found)
        return found

    @pytest.fixture(scope="session")
    def accounts(self) -> None:
        """Stand in for Ape's accounts; the chain has its own."""

    @pytest.fixture(scope="session")
    def project(self) -> None:
        """Stand in for Ape's project; the chain compiles by itself."""

    @pytest.fixture(scope="session")
    def chain(self) -> SimpleNamespace:
        """Stand in for Ape's chain."""
        return SimpleNamespace(pending_timestamp=NOW)

    @pytest.fixture(autouse=True)
    def isolated(self) -> Iterator[None]:
        """Undo what the test did to chains that were there before it."""
        before = [(chain, chain.snapshot(), chain.now) for chain in self.chains]
        count = len(before)
        yield
        for chain, state, now in reversed(before):
            chain.restore(state)
            chain.travel(now)
        del self.chains[count:]

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Let those go first that are to."""
        last = len(self._places)
        items.sort(key=lambda item: self._places.get(name_test(item.nodeid), last))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the first failure, wherever in the test it was."""
        if report.failed and not self.failed:
            self.failed = name_test(report.nodeid)
        self.passed += report.when == "call" and report.passed


def name_test(node: str) -> str:
    """Return a test's name as verdicts have it: without folders."""
    return node.rpartition("/")[2]


class InProcessChain(BoaChain):
    """A chain with Anvil's id, whose refused deployments look like other reverts."""

    def __init__(self, now: int) -> None:
        super().__init__(now)
        self.chain_id = self.env.evm.patch.chain_id = ANVIL
        self.peeks = True

    def deploy(self, name: str, *arguments: Any) -> Contract:
        """Compile and deploy."""
        try:
            return super().deploy(name, *arguments)
        except ValueError as error:
            raise Reverted(str(error).removeprefix(f"{name}: ")) from error


def stand_in(name: str, **members: Any) -> ModuleType:
    """Make a module of that name that has only these members."""
    module = ModuleType(name)
    module.__dict__.update(members)
    return module
