"""How our pages for browsers look: plain HTML, no script, nothing from elsewhere."""

from html import escape
from typing import Any

from fastapi.responses import HTMLResponse

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:36rem;padding:0 1rem;"
    "color:#111;background:#fff}h1{font-size:1.4rem}table{border-collapse:collapse;width:100%}"
    "th{text-align:left;font-weight:600;padding:.35rem 1rem .35rem 0;vertical-align:top}"
    "td{text-align:right;padding:.35rem 0;overflow-wrap:anywhere}tr{border-bottom:1px solid #ccc}"
    "a.pay,button{display:inline-block;margin:1.5rem 0;padding:.7rem 1.6rem;border:0;"
    "border-radius:.4rem;background:#06693a;color:#fff;font-size:1rem;"
    "text-decoration:none;cursor:pointer}label{display:block;margin:.6rem 0}"
    "input{font-size:1rem;padding:.4rem;width:100%;box-sizing:border-box}.note{color:#444}"
)
PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}}
}
"""For a route's `responses`, with `response_class=Response`: problems stay JSON."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def build_page(
    title: str, body: str, *, refresh: int | None = None, to: str = "", status: int = 200
) -> HTMLResponse:
    """Return a page; `body` is HTML, `refresh` seconds until it is asked for again,
    or the page `to` instead."""
    goal = f";url={escape(to, quote=True)}" if to else ""
    again = f'<meta http-equiv="refresh" content="{refresh}{goal}">' if refresh else ""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>\n",
        status_code=status,
        headers=HEADERS,
    )


def build_table(rows: list[tuple[str, str]]) -> str:
    """Return a table of names and values, escaped."""
    lines = (
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>'
        for name, value in rows
    )
    return f"<table>{''.join(lines)}</table>"
