"""The only JSON-RPC code: logs in, transactions out, and a fake of both for tests."""
