"""A local server in place of Stripe's API: routes, forms and errors as its reference shows them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.payments.stripe_shapes import charge, dispute, intent, session


class StripeServer:
    """Knows one session; `requests` are those that came, as (method, path, form, key)."""

    def __init__(self):
        self.requests = []
        self.session = session(status="open", payment_status="unpaid")
        self.disputes = []
        self.refunds = {}
        self.intent = None
        self.declines = False
        self.detached = []
        self.failures = []
        """Answers to give first: (status, error object)."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server.answer(self, "")

            def do_POST(self):
                length = int(self.headers.get("Content-Length") or 0)
                server.answer(self, self.rfile.read(length).decode())

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def pay(self, **more):
        """Let the buyer pay."""
        self.session = session(charge=charge(**more))

    def open_dispute(self, status):
        self.session["payment_intent"]["latest_charge"]["disputed"] = True
        self.disputes = [dispute(status)]

    def answer(self, request, body):
        form = dict(parse_qsl(body))
        path = urlsplit(request.path).path
        key = request.headers.get("Idempotency-Key")
        query = dict(parse_qsl(urlsplit(request.path).query))
        self.requests.append((request.command, path, form or query, key))
        status, said = self._route(request, path, form, key)
        content = json.dumps(said).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def _route(self, request, path, form, key):
        if self.failures:
            status, error = self.failures.pop(0)
            return status, {"error": error}
        if request.headers.get("Authorization") != "Bearer sk_test_1":
            return 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key"}}
        if path == "/v1/disputes":
            return 200, {"object": "list", "data": self.disputes, "has_more": False, "url": path}
        if path == "/v1/refunds":
            return self._refund(form, key)
        if path == "/v1/checkout/sessions":
            return 200, self.session
        if path == "/v1/checkout/sessions/cs_test_a1":
            return 200, self.session
        if path == "/v1/checkout/sessions/cs_test_a1/expire":
            if self.session["status"] != "open":
                message = "Only Checkout Sessions with a status in [open] can be expired."
                return 400, {"error": {"type": "invalid_request_error", "message": message}}
            self.session = session(status="expired", payment_status="unpaid")
            return 200, self.session
        if path.startswith("/v1/payment_intents") or path.startswith("/v1/payment_methods"):
            found = self._charge_saved(path, form)
            if found is not None:
                return found
        missing = {
            "type": "invalid_request_error",
            "code": "resource_missing",
            "message": "No such",
        }
        return 404, {"error": missing}

    def _charge_saved(self, path, form):
        """Answer about a Payment Intent of a saved card, or its card; None: there is no such."""
        if path == "/v1/payment_intents":
            self.intent = intent(amount=int(form["amount"]), checkout=form["metadata[checkout]"])
            return 200, self.intent
        if path == "/v1/payment_intents/pi_9":
            return 200, self.intent
        if path == "/v1/payment_intents/pi_9/cancel":
            self.intent["status"] = "canceled"
            return 200, self.intent
        if path == "/v1/payment_methods/pm_1/detach":
            if self.detached:
                message = "The payment method you provided is not attached to a customer."
                return 400, {"error": {"type": "invalid_request_error", "message": message}}
            self.detached.append("pm_1")
            return 200, {"id": "pm_1", "object": "payment_method", "customer": None}
        if path != "/v1/payment_intents/pi_9/confirm":
            return None
        if self.intent["status"] != "requires_confirmation":
            code = "payment_intent_unexpected_state"
            error = {"type": "invalid_request_error", "code": code, "message": "Its status is …"}
            return 400, {"error": error}
        if self.declines:
            said = {
                "type": "card_error",
                "code": "authentication_required",
                "decline_code": "authentication_required",
                "message": "Your card was declined. This transaction requires authentication.",
            }
            self.intent |= {"status": "requires_payment_method", "last_payment_error": said}
            return 402, {"error": said}
        amount = self.intent["amount"]
        self.intent |= {"status": "succeeded", "latest_charge": charge(amount=amount)}
        return 200, self.intent

    def _refund(self, form, key):
        if key not in self.refunds:
            found = self.session["payment_intent"]["latest_charge"]
            if found["amount_refunded"] == found["amount"]:
                code = "charge_already_refunded"
                error = {"type": "invalid_request_error", "code": code, "message": "Already"}
                return 400, {"error": error}
            if found["disputed"]:
                error = {
                    "type": "invalid_request_error",
                    "code": "charge_disputed",
                    "message": "Charge ch_3 has been charged back; cannot issue a refund.",
                }
                return 400, {"error": error}
            found["amount_refunded"] += int(form["amount"])
            self.refunds[key] = {
                "id": "re_1",
                "object": "refund",
                "amount": int(form["amount"]),
                "payment_intent": form["payment_intent"],
                "status": "succeeded",
            }
        return 200, self.refunds[key]
