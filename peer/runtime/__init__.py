"""Run Marine modules in worker processes: check, load, call, limit."""
