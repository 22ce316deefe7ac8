"""Measure the welfare of rounds beside exact solvers."""
