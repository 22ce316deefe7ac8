"""What every operation of the contracts costs in gas, and how large their code is."""
