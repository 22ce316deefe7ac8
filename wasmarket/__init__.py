"""The `wasmarket` command and the Python client: the only name that users import."""

__version__ = "0.2.0"
