"""Host capabilities that an app asks for: outbound HTTP, content by CID, a key-value store, logs.

A worker holds no connection to anywhere, so an effect happens in the supervisor: the guest calls an
import, the worker asks over its socket, the supervisor checks, does it and answers.
"""
