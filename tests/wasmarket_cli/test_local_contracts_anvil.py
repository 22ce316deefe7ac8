"""`wasmarket local contracts`: from the package onto the Anvil of the settings, nowhere else."""

import pytest

from wasmarket.chain.development.anvil import Anvil
from wasmarket.client.deployment_files import read_deployment
from wasmarket_cli.main import main

pytestmark = pytest.mark.anvil


def deploy(home, anvil, monkeypatch, *options):
    monkeypatch.setenv("WASMARKET_CHAIN__RPC", anvil.url)
    return main(["--home", str(home), "local", "contracts", *options])


def test_local_contracts__anvil__has_them_and_the_home_their_file(tmp_path, monkeypatch):
    with Anvil.start() as anvil:
        assert deploy(tmp_path, anvil, monkeypatch, "--epoch-seconds", "90") == 0

        deployment = read_deployment(tmp_path / "deployments" / "31337.json")
        anvil.rpc.check_deployment(deployment)
        assert deployment.parameters.epoch_seconds == 90


def test_local_contracts__another_chain__is_refused_and_untouched(tmp_path, monkeypatch, capsys):
    with Anvil.start(chain_id=5) as anvil:
        assert deploy(tmp_path, anvil, monkeypatch) == 3

        assert "is chain 5, not a local one" in capsys.readouterr().err
        assert anvil.rpc.fetch_block_number() == 0
