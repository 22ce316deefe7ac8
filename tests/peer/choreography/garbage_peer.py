"""A peer on chain that takes everything and answers nonsense."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

GARBAGE = b"HTTP/9.9 twohundred\r\nContent-Length: -1\r\n\r\n" + bytes(range(256)) * 40


@contextmanager
def answering_garbage() -> Iterator[tuple[str, list[bytes]]]:
    """Yield where it listens, and what it was sent first by each that came."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    came.append(connection.recv(1 << 16))
                    connection.sendall(GARBAGE)

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", came
        # Wakes the thread, which would wait for ever.
        server.shutdown(socket.SHUT_RDWR)
