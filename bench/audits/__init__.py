"""Benchmarks of proofs: what checking, answering, judging and convicting cost."""
