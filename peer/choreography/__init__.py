"""Aqua across peers: particles come, AquaVM says what is to be done, services are called."""
