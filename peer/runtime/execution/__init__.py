"""Run a service: instances, host functions, limits, traps."""
