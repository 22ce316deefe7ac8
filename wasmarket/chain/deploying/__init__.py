"""Put the contracts on a chain: in which order, with which arguments, checked afterwards.

The creation code is package data, so that nobody needs the sources or a compiler to deploy.
"""
