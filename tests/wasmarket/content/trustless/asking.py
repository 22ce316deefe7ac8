"""Ask one case of the specification's table, and compare."""

import httpx

from tests.wasmarket.content.trustless.specification import Case, Content, fill
from wasmarket.content.car import read_car


def ask_case(client: httpx.Client, case: Case, content: Content) -> httpx.Response:
    """Send the case's request, with the `Accept` lines it has and none of the client's own."""
    accept = case.accept or ()
    request = client.build_request(case.method, fill(case.path, content))
    request.headers = httpx.Headers(
        [
            ("Host", request.url.netloc.decode()),
            *(("Accept", line) for line in accept),
            *((name, fill(value, content)) for name, value in case.headers.items()),
        ]
    )
    return client.send(request)


def check_case(client: httpx.Client, case: Case, content: Content) -> None:
    """Assert that the answer is the one of the table."""
    answer = ask_case(client, case, content)

    assert answer.status_code == case.status, answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    for name, value in case.gives.items():
        expected = None if value is None else fill(value, content)
        assert answer.headers.get(name) == expected, name
    if case.method == "HEAD":
        assert answer.content == b""
    if case.body is not None:
        assert answer.content == case.body
    if case.blocks is not None:
        assert [cid for cid, _ in read_car(answer.content).blocks] == case.blocks(content)
