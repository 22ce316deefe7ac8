"""HTTP/1.1 on a connection: a strict reading, bounds of size and time, implied methods."""
