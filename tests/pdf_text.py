"""The text of PDFs that our own code wrote: standard fonts, streams that are deflated."""

import re
import zlib


def read_pdf(content):
    """Return what the pages of a document say, a line for each text that was put there."""
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    lines = []
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        try:
            page = zlib.decompress(stream)
        except zlib.error:
            continue
        for text in re.findall(rb"\(((?:[^()\\]|\\.)*)\)", page, re.DOTALL):
            plain = re.sub(rb"\\(.)", rb"\1", text, flags=re.DOTALL)
            lines.append(plain.decode("latin-1"))
    return "\n".join(lines)
