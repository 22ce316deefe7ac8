"""Calls of functions: one handler, and the ways by which a request comes to it.

`protocol` reads most calls straight from the connection, `asgi` those that came through another
server, `routes` those that are oddly spelt and the OpenAPI page.
"""
