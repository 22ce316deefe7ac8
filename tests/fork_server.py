"""Hold a script with all that it imports, and fork it as often as it is asked to.

`fork_server.py FILE`: the script's `prepare`, if it has one, is called once, and its `main` in each
fork. Standard input is a socket whose other end is a `tests.forked.Script`; once that is gone, so
are the forks.
"""

import importlib.util
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from types import ModuleType

LARGEST_REQUEST = 1 << 20
FILES = 3
"""Standard output and error, and where the exit code goes."""


def load(path: str) -> ModuleType:
    """Import the script, and have it prepare."""
    spec = importlib.util.spec_from_file_location("forked_script", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script
    spec.loader.exec_module(script)
    getattr(script, "prepare", lambda: None)()
    return script


def become(request: dict, output: int, errors: int) -> list[str]:
    """Take on the streams and the environment of a request; return the arguments."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (errors, 2)):
        os.dup2(source, target)
        os.close(source)
    os.environ.clear()
    os.environ.update(request["environment"])
    if "COVERAGE_PROCESS_START" in os.environ:
        import coverage  # noqa: PLC0415 - only where it is measured

        coverage.process_startup()
    return request["arguments"]


def reap(codes: dict[int, int]) -> None:
    """Tell the exit codes of all forks that have ended."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            place = codes.pop(pid)
            with suppress(BrokenPipeError):
                os.write(place, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(place)


def serve(requests: socket.socket, woken: socket.socket) -> list[str] | None:
    """Fork until nobody asks any more (None); in a fork, return its arguments."""
    codes: dict[int, int] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                woken.recv(4096)
            reap(codes)
            if requests not in ready:
                continue
            request, files, _, _ = socket.recv_fds(requests, LARGEST_REQUEST, FILES)
            if not request:
                break
            output, errors, code = files
            pid = os.fork()
            if not pid:
                for place in (*codes.values(), code):
                    os.close(place)
                requests.close()
                return become(json.loads(request), output, errors)
            codes[pid] = code
            os.close(output)
            os.close(errors)
            requests.send(str(pid).encode())
    for pid in codes:
        os.kill(pid, signal.SIGKILL)
    return None


def main(path: str) -> None:
    """Serve requests; every fork comes back from it to be the script."""
    script = load(path)
    # A terminal's Ctrl-C is for whoever asks.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    woken, wake = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    arguments = serve(socket.socket(fileno=os.dup(0)), woken)
    if arguments is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        script.main(*arguments)


if __name__ == "__main__":
    main(sys.argv[1])
