"""The same methods for `async` code: each runs in a thread, so that no method exists twice.

`market.aio.developer.call(…)` is `market.developer.call(…)` to be awaited; what yields (logs) is
an asynchronous iterator.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from typing import Any

_END = object()
_ROOMS = ("wasmarket.client.market.", "wasmarket.testing.")


class AsyncView:
    """An object's public methods as coroutines, and the parts of a market as views of their own."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        # A property may ask the node or read a key: the class says what it is without doing so.
        declared = getattr(type(self._target), name, None)
        if inspect.isgeneratorfunction(declared):
            return _iterate(getattr(self._target, name))
        if callable(declared):
            return _awaitable(getattr(self._target, name))
        value = getattr(self._target, name)
        return AsyncView(value) if type(value).__module__.startswith(_ROOMS) else value

    def __dir__(self) -> list[str]:
        return [name for name in dir(self._target) if not name.startswith("_")]


def _awaitable(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def call(*arguments: Any, **options: Any) -> Any:
        return await asyncio.to_thread(method, *arguments, **options)

    return call


def _iterate(method: Callable[..., Iterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
    @wraps(method)
    async def iterate(*arguments: Any, **options: Any) -> AsyncIterator[Any]:
        items = method(*arguments, **options)
        try:
            while (item := await asyncio.to_thread(next, items, _END)) is not _END:
                yield item
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                await asyncio.to_thread(close)

    return iterate
