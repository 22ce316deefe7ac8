"""Problem documents of services become our errors, whoever's they are; requests are signed."""

import httpx
import pytest

from wasmarket.client.service import ServiceClient, request_signer
from wasmarket.kernel import errors
from wasmarket.kernel.addresses import ZERO_ADDRESS
from wasmarket.kernel.signing.requests import authenticate
from wasmarket.kernel.signing.signatures import address_of
from wasmarket.kernel.signing.typed_data import market_domain

pytestmark = pytest.mark.unit

KEY = b"\x07" * 32
DOMAIN = market_domain(31337, ZERO_ADDRESS)


class OfAService(errors.MarketError):
    """What a part raises that may happen to be imported here"""

    slug = "of-a-service"


def service(answer, sign=None):
    """Return a service that answers so (a response, an error, or a function of the request)."""

    def handle(request):
        given = answer(request) if callable(answer) else answer
        if isinstance(given, Exception):
            raise given
        return given

    http = httpx.Client(transport=httpx.MockTransport(handle))
    return ServiceClient("matcher", "http://m/base/", http, sign)


def problem(status, slug, **members):
    body = {"type": f"urn:wasmarket:{slug}", "detail": "what happened", **members}
    return httpx.Response(status, json=body)


@pytest.mark.parametrize(
    "kind",
    [
        *(errors.InvalidInput, errors.InvalidSignature, errors.Expired, errors.Unauthorized),
        *(errors.Forbidden, errors.NotFound, errors.Conflict, errors.TooLarge, errors.Unfunded),
        *(errors.LimitReached, errors.RunwayOver, errors.Refused, errors.Reverted),
        *(errors.Unreachable, errors.TimedOut, errors.BadContent, errors.ContentNotFound),
        errors.BrokenOff,
    ],
)
def test_get__problem_of_the_kernels_kind__is_that_error(kind):
    answer = problem(500, kind.slug, field="units", remedy="do this")

    with pytest.raises(errors.MarketError) as caught:
        service(answer).get("/x")

    assert type(caught.value) is kind
    assert caught.value.detail == str(caught.value) == "what happened"
    assert (caught.value.field, caught.value.remedy) == ("units", "do this")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidInput),
        (401, errors.Unauthorized),
        (402, errors.RunwayOver),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (422, errors.Refused),
        (429, errors.LimitReached),
        (500, errors.MarketError),
        (502, errors.MarketError),
        (503, errors.Unreachable),
        (504, errors.TimedOut),
    ],
)
@pytest.mark.parametrize("slug", ["of-a-service", "never-heard-of"])
def test_get__problem_of_the_services_own_kind__is_what_its_status_means(status, kind, slug):
    with pytest.raises(errors.MarketError) as caught:
        service(problem(status, slug)).get("/x")

    assert type(caught.value) is kind
    assert caught.value.detail == "what happened"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text="<html>"),
        httpx.Response(500, json=[]),
        httpx.Response(500, json={"detail": "no type"}),
        httpx.Response(500),
    ],
)
def test_get__no_problem_document__names_url_and_status(answer):
    with pytest.raises(errors.MarketError, match="http://m/base/x answered 500"):
        service(answer).get("/x")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("refused"), errors.Unreachable),
        (httpx.ReadError("broken"), errors.Unreachable),
        (httpx.RemoteProtocolError("broken"), errors.Unreachable),
        (httpx.ReadTimeout("slow"), errors.TimedOut),
        (httpx.ConnectTimeout("slow"), errors.TimedOut),
    ],
)
def test_get__no_answer__names_the_service_and_what_to_do(error, kind):
    with pytest.raises(kind, match="the matcher at http://m/base") as caught:
        service(error).get("/x")

    assert caught.value.remedy


def test_lines__problem__is_raised_as_for_any_request():
    with pytest.raises(errors.Forbidden, match="what happened"):
        list(service(problem(403, "forbidden")).lines("/logs", {}, signed=False))


def test_lines__answer__comes_line_by_line():
    answer = httpx.Response(200, text="a\nb\n")

    assert list(service(answer).lines("/logs", {}, signed=False)) == ["a", "b"]


def test_items__pages__are_followed_to_the_last():
    pages = {
        None: {"items": [1, 2], "next": "a"},
        "a": {"items": [], "next": "b"},
        "b": {"items": [3], "next": None},
    }
    seen = []

    def answer(request):
        seen.append(dict(request.url.params))
        return httpx.Response(200, json=pages[request.url.params.get("cursor")])

    assert list(service(answer).items("/x", {"live": "true", "app": None})) == [1, 2, 3]
    assert seen == [
        {"live": "true"},
        {"live": "true", "cursor": "a"},
        {"live": "true", "cursor": "b"},
    ]


def test_send__signed__signature_is_of_exactly_this_request():
    seen = []

    def answer(request):
        seen.append(
            authenticate(
                request.headers["authorization"],
                request.method,
                request.url.raw_path.decode(),
                request.content,
                DOMAIN,
                1_000,
            )
        )
        return httpx.Response(200, json={})

    signed = service(answer, request_signer(DOMAIN, KEY, lambda: 1_000))
    signed.send("PUT", "/access", params={"a": "1 2"}, value={"version": 1}, signed=True)
    signed.get("/logs", signed=True)

    assert [who.address for who in seen] == [address_of(KEY)] * 2
    assert seen[0].nonce != seen[1].nonce
    assert seen[0].expires == 1_300


def test_send__not_asked_to_sign__sends_no_signature():
    def answer(request):
        assert "authorization" not in request.headers
        return httpx.Response(200, json={})

    service(answer, request_signer(DOMAIN, KEY, lambda: 1_000)).get("/x")
