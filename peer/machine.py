"""What this machine says of itself: for the hardware of a peer's document, where nothing is set."""

import os
import shutil
from pathlib import Path

from wasmarket.kernel.selection.peer_document import MAX_TEXT, Hardware
from wasmarket.kernel.terminal_text import clean_for_terminal

CPU_INFO = Path("/proc/cpuinfo")
MEMORY_INFO = Path("/proc/meminfo")
NETWORK = Path("/sys/class/net")
KIB_OF_MIB = 1024
GIB = 1 << 30


def detect_hardware(
    folder: Path,
    cpu_info: Path = CPU_INFO,
    memory_info: Path = MEMORY_INFO,
    network: Path = NETWORK,
) -> Hardware:
    """Return what can be found out; 0 and empty for what cannot. Storage is that of `folder`."""
    return Hardware(
        cpu=_find_cpu(_read(cpu_info)),
        cores=len(os.sched_getaffinity(0)),
        memory_mib=_find_memory(_read(memory_info)),
        storage_gib=shutil.disk_usage(folder).total // GIB,
        network_mbps=_find_network(network),
    )


def _find_cpu(text: str) -> str:
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "Hardware", "cpu model"):
            return clean_for_terminal(" ".join(value.split()))[:MAX_TEXT]
    return ""


def _find_memory(text: str) -> int:
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == "MemTotal" and value.split()[:1] and value.split()[0].isdigit():
            return int(value.split()[0]) // KIB_OF_MIB
    return 0


def _find_network(folder: Path) -> int:
    """Return the speed of the fastest interface in 10^6 bit/s; most virtual ones do not say."""
    found = 0
    for path in sorted(folder.glob("*/speed")):
        text = _read(path).strip()
        found = max(found, int(text)) if text.isdigit() else found
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        # Not every system has these files, and a link that is down has no speed.
        return ""
