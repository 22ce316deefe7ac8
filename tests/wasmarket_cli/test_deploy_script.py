"""`ape run deploy` without anybody at a keyboard: who signs, and what unknown accounts read."""

import os
import sys
from importlib import import_module
from types import SimpleNamespace

import click
import pytest

from wasmarket.chain.development.dev_accounts import dev_accounts
from wasmarket.chain.sending.wallet import Account

pytestmark = pytest.mark.unit

PUBLIC, LOCAL = 42_161, 31_337


@pytest.fixture(scope="module")
def script():
    """The script; with Ape, it is imported for these tests alone."""
    # The script mends proxies for the whole process, and a plugin of Ape's, loaded when it is first
    # needed, lets Python recurse deeper than the stack is: here that process is not their own.
    depth = sys.getrecursionlimit()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", dict(os.environ))
        yield import_module("scripts.deploy")
    sys.setrecursionlimit(depth)


@pytest.fixture
def kept(script, monkeypatch):
    """Accounts that Ape keeps, `main` and `spare`; remembers which of them sign unasked."""
    unasked = []

    def load(alias):
        return SimpleNamespace(
            address=dev_accounts()[1].address,
            set_autosign=lambda enabled: unasked.append((alias, enabled)),
        )

    accounts = SimpleNamespace(aliases=["main", "spare"], load=load)
    monkeypatch.setattr(script.ape, "accounts", accounts)
    return unasked


def parse(script, *arguments):
    """Return what the command line means, without a chain."""
    network = ("--network", "ethereum:local:foundry")
    return script.cli.make_context("deploy", [*arguments, *network]).params


def test_deploy__key_in_the_environment__signs(script, kept, monkeypatch):
    account = Account.create()
    monkeypatch.setenv("WASMARKET_DEPLOY_KEY", account.key.hex())

    given = parse(script)
    signer = script.load_signer(given["account"], given["key"], PUBLIC, ask=not given["yes"])

    assert signer.address == account.address


@pytest.mark.parametrize(
    ("arguments", "unasked"), [(("--yes",), [("main", True)]), ((), [])], ids=["yes", "asks"]
)
def test_deploy__account_of_ape__signs_unasked_only_with_yes(script, kept, arguments, unasked):
    given = parse(script, "--account", "main", *arguments)

    signer = script.load_signer(given["account"], given["key"], PUBLIC, ask=not given["yes"])

    assert signer.address == dev_accounts()[1].address
    assert kept == unasked


def test_deploy__account_that_ape_has_not__is_named_with_those_it_has(script, kept):
    with pytest.raises(click.UsageError) as refused:
        script.load_signer("nobody", None, PUBLIC, ask=True)

    assert str(refused.value) == "Ape has no account 'nobody' (it has: main, spare)"


def test_deploy__no_account__is_the_first_of_a_local_chain_and_asked_for_elsewhere(script, kept):
    assert script.load_signer(None, None, LOCAL, ask=True).address == dev_accounts()[0].address
    with pytest.raises(click.UsageError, match="--account, or set WASMARKET_DEPLOY_KEY"):
        script.load_signer(None, None, PUBLIC, ask=True)


def test_deploy__owner_says_no__ends_without_a_transaction(script):
    account = SimpleNamespace(sign_transaction=lambda transaction: None)

    with pytest.raises(click.Abort):
        script.ApeSigner(account, ask=True).sign({"to": dev_accounts()[0].address, "chainId": 1})
