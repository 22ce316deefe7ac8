"""A site: every request goes to `answer`."""

from html import escape

from wasmarket_guest import SiteRequest, SiteResponse, kv


def answer(request: SiteRequest) -> SiteResponse:
    if request.path != "/":
        return SiteResponse("<h1>There is no such page</h1>", status=404)
    visits = kv.add("visits")
    name = escape(request.headers.get("x-name", "visitor"))
    return SiteResponse(f"<h1>Hello, {name}!</h1><p>You are visitor {visits}.</p>")
