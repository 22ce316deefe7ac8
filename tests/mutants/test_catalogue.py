"""The catalogue of faults cannot rot: each one applies to the sources as they are."""

import pytest

from tests.mutants.catalogue import ROOT, Mutant, read_catalogue

pytestmark = pytest.mark.unit

MUTANTS = read_catalogue()


def test_catalogue__has_enough_faults__all_different():
    faults = {(mutant.file, mutant.old, mutant.new) for mutant in MUTANTS}

    assert len(faults) == len(MUTANTS) >= 60


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_catalogue__each_fault__applies_to_one_place(mutant: Mutant):
    killer = ROOT / f"tests/contracts/unit/test_contracts_{mutant.killer}.py"

    assert mutant.is_applicable()
    assert killer.exists()
