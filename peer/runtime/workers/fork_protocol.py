"""What supervisor and fork server say to each other."""

from typing import Final

REQUEST: Final = b"w"
"""Be, or give, a worker with the two descriptors that come along."""
READY: Final = b"r"
"""The fork server's first word: a worker can be had at once."""
PID_BYTES: Final = 4
"""Length of the answer: the worker's process id, 0 if it has ended; its descriptor comes along."""
