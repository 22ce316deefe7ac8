"""Peers on real sockets that send exactly the bytes a test says."""

import asyncio
from contextlib import suppress

WAIT = "wait"
"""In an answer: wait until the test goes on."""
END = None
"""In an answer: hang up."""


class RawPeer:
    """A peer that answers the bytes a test says, on real connections."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.connections = 0
        self.closed = asyncio.Event()
        self.release = asyncio.Event()
        self.tasks = set()

    async def serve(self, reader, writer):
        self.connections += 1
        self.tasks.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await self._read_body(reader, head)
                self.requests.append(head + body)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                for part in answer if isinstance(answer, list) else [answer]:
                    if part is END:
                        return
                    if part == WAIT:
                        await self.release.wait()
                    else:
                        writer.write(part)
                        await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _read_body(self, reader, head):
        text = head.decode().lower()
        if "transfer-encoding: chunked" in text:
            body = b""
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
            return body
        if "content-length: " in text:
            return await reader.readexactly(int(text.partition("content-length: ")[2].split()[0]))
        return b""

    async def end(self):
        """End what is still served."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
