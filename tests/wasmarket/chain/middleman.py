"""A proxy between us and a node that passes requests on, or not, and answers what a test says."""

import json

import httpx


class Middleman(httpx.BaseTransport):
    """`instead[method]`: answers in place of asking the node; `after[method]`: in place of its
    answer. Each is a list that is used up, then the node is heard; an answer is a JSON-RPC part
    (`{"result": …}` or `{"error": …}`), a response or an exception for the whole request."""

    def __init__(self):
        self.inner = httpx.HTTPTransport()
        self.instead = {}
        self.after = {}
        self.sent = []

    def handle_request(self, request):
        body = json.loads(request.content)
        entries = body if isinstance(body, list) else [body]
        self.sent += [entry["method"] for entry in entries]
        replaced = {entry["id"]: self._take(self.instead, entry) for entry in entries}
        for answer in replaced.values():
            if answer is not None and not isinstance(answer, dict):
                return _finish(answer)
        if isinstance(body, dict) and replaced[body["id"]] is not None:
            answer = {"jsonrpc": "2.0", "id": body["id"], **replaced[body["id"]]}
            return httpx.Response(200, json=answer)
        response = self.inner.handle_request(request)
        response.read()
        late = {entry["id"]: self._take(self.after, entry) for entry in entries}
        for answer in late.values():
            if answer is not None and not isinstance(answer, dict):
                return _finish(answer)
        changed = {id: late[id] or part for id, part in replaced.items() if late[id] or part}
        if not changed:
            return response
        heard = response.json()
        listed = heard if isinstance(heard, list) else [heard]
        listed = [
            {"jsonrpc": "2.0", "id": entry["id"], **changed[entry["id"]]}
            if entry["id"] in changed
            else entry
            for entry in listed
        ]
        return httpx.Response(200, json=listed if isinstance(heard, list) else listed[0])

    def close(self):
        self.inner.close()

    def _take(self, answers, entry):
        queue = answers.get(entry["method"], [])
        return queue.pop(0) if queue else None


def _finish(answer):
    if isinstance(answer, Exception):
        raise answer
    return answer


def error(message, code=-32000):
    return {"error": {"code": code, "message": message}}
