"""How our pages for browsers look: plain HTML that needs no script, nothing from elsewhere."""

import base64
import hashlib
from dataclasses import dataclass
from html import escape
from typing import Any

from fastapi.responses import HTMLResponse

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:36rem;padding:0 1rem;"
    "overflow-wrap:anywhere;"
    "color:#111;background:#fff}h1{font-size:1.4rem}table{border-collapse:collapse;width:100%}"
    "th{text-align:left;font-weight:600;padding:.35rem 1rem .35rem 0;vertical-align:top}"
    "td{text-align:right;padding:.35rem 0;overflow-wrap:anywhere}tr{border-bottom:1px solid #ccc}"
    "a.pay,button{display:inline-block;margin:1.5rem 0;padding:.7rem 1.6rem;border:0;"
    "border-radius:.4rem;background:#06693a;color:#fff;font-size:1rem;"
    "text-decoration:none;cursor:pointer}label{display:block;margin:.6rem 0}"
    "h1{overflow-wrap:anywhere}"
    "input,select{font-size:1rem;padding:.4rem;width:100%;box-sizing:border-box}.note{color:#444}"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}}
}
"""For a route's `responses`, with `response_class=Response`: problems stay JSON."""
FOLLOW = (
    'const m=document.querySelector("main");setInterval(async()=>{try{'
    "const a=await fetch(m.dataset.follow),f=a.ok?await a.json():null;"
    'if(f&&f.state+":"+(f.reason??"")!==m.dataset.state)location.reload()'
    "}catch{/* the next look tells */}},1500)"
)
"""Looks at a purchase, and shows its page anew once it has changed: not in between, which would
take the place of whoever reads it from them."""
LEAVE = 'location.replace(document.querySelector("a.next").href)'
"""Goes on to the page that the link names."""


@dataclass(frozen=True, slots=True)
class Follow:
    """What a page waits for: a checkout's JSON at `url`, while it says `state` ("state:reason")."""

    url: str
    state: str


def build_page(
    title: str, body: str, *, follow: Follow | None = None, leaves: bool = False, status: int = 200
) -> HTMLResponse:
    """Return a page; `body` is HTML. `leaves`: it goes on to its link `a.next` by itself.

    Browsers that run no scripts are shown the page anew every few seconds instead.
    """
    script = FOLLOW if follow else LEAVE if leaves else ""
    again = '<noscript><meta http-equiv="refresh" content="5"></noscript>' if follow else ""
    about = (
        f' data-follow="{escape(follow.url, quote=True)}"'
        f' data-state="{escape(follow.state, quote=True)}"'
        if follow
        else ""
    )
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main{about}><h1>{escape(title)}</h1>{body}</main>"
        f"{f'<script>{script}</script>' if script else ''}</body></html>\n",
        status_code=status,
        headers=HEADERS | {"Content-Security-Policy": _build_policy(script)},
    )


def _build_policy(script: str) -> str:
    """Return what a page may do: nothing but our own style, script and forms, so that what a
    stranger's words could smuggle in is dead."""
    parts = ["default-src 'none'", f"style-src {_hash_of(STYLE)}"]
    if script:
        parts += [f"script-src {_hash_of(script)}", "connect-src 'self'"]
    return "; ".join((*parts, "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"))


def _hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def build_table(rows: list[tuple[str, str]]) -> str:
    """Return a table of names and values, escaped."""
    lines = (
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>'
        for name, value in rows
    )
    return f"<table>{''.join(lines)}</table>"
