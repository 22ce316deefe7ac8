"""Read what comes next while what has come is worked on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

Item = TypeVar("Item")

_END: Final = object()


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items, one of which is always being read meanwhile, in a thread of its own.

    An error of the reading comes where its item would have come. The thread ends with the reader.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        coming = pool.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = pool.submit(next, items, _END)
            yield item  # type: ignore[misc]
