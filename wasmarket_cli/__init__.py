"""The `wasmarket` command: the only place that wires library and services together."""
