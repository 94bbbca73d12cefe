"""A language model as supervisor, against a stand-in on loopback that says anything at all."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from views import FACTS

from agents.crews import create
from envs.shift.decision import Decision, as_choice, refusal

DECISION = Decision(
    5.0, "fault_handling", ("call_person", "retry", "air_blow"), {"fault": "no_seat", "attempts": 0.0}
)
CUT = Decision(5.0, "machining", ("cut",), {"part_type": "shaft_m"})


def call(name, arguments):
    function = {"name": name, "arguments": arguments}
    return json.dumps({"choices": [{"message": {"tool_calls": [{"function": function}]}}]}).encode()


@pytest.fixture
def endpoint():
    """A server that gives the reply it is told to give, and keeps what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.requests.append((self.path, dict(self.headers), json.loads(body)))
            status, reply, headers = server.reply
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.reply = [], (200, b"", {})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def supervisor(endpoint, **hyper):
    url = f"http://127.0.0.1:{endpoint.server_address[1]}/v1"
    decider = create("language", {"url": url, "model": "stand-in", "timeout_s": 2.0, **hyper})
    decider.reset(FACTS, 0)
    return decider


def test_a_good_reply_is_taken(endpoint, monkeypatch):
    monkeypatch.setenv("STAND_IN_KEY", "secret")
    decider = supervisor(endpoint, key_variable="STAND_IN_KEY")
    endpoint.reply = (200, call("air_blow", json.dumps({"why": "chips\non the seat"})), {})
    answer = decider.decide(DECISION)
    assert answer.tool == "air_blow"
    assert answer.why == "model: chips on the seat"
    assert decider.refused == 0
    path, headers, body = endpoint.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert [tool["function"]["name"] for tool in body["tools"]] == list(DECISION.tools)
    assert "secret" not in json.dumps(body)


BAD = {
    "nothing": (200, b"", {}),
    "not JSON": (200, b"<html>", {}),
    "a list": (200, b"[]", {}),
    "only words": (200, json.dumps({"choices": [{"message": {"content": "retry"}}]}).encode(), {}),
    "an unknown tool": (200, call("open_door_while_cutting", "{}"), {}),
    "a tool of another role": (200, call("cut", "{}"), {}),
    "arguments that are no JSON": (200, call("retry", "{"), {}),
    "arguments that are a list": (200, call("retry", "[]"), {}),
    "a value that the tool has not": (200, call("retry", '{"force_n": 500}'), {}),
    "a reply without end": (200, b"x" * 100_000, {}),
    "an error": (500, b"{}", {}),
    "another place": (302, b"", {"Location": "http://127.0.0.1:9/"}),
}


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD)
def test_a_bad_reply_is_refused_and_the_fallback_decides(endpoint, reply):
    decider = supervisor(endpoint)
    endpoint.reply = reply
    answer = decider.decide(DECISION)
    assert refusal(as_choice(answer), DECISION) == ""
    assert answer.why.startswith("model refused (")
    assert decider.refused == 1


@pytest.mark.parametrize("value", ["1e9", "NaN", "Infinity", '"fast"', "true", "null", "-31"])
def test_a_dangerous_value_is_refused(endpoint, value):
    decider = supervisor(endpoint)
    endpoint.reply = (200, call("cut", f'{{"correction_um": {value}}}'), {})
    answer = decider.decide(CUT)
    assert answer.why.startswith("model refused (correction_um is")
    assert abs(answer.values["correction_um"]) <= 30


def test_a_silent_endpoint_is_given_up(endpoint):
    decider = supervisor(endpoint, failures=2)
    endpoint.shutdown()
    endpoint.server_close()
    answers = [decider.decide(DECISION) for _ in range(4)]
    assert decider.asked == 2
    assert answers[-1].why.startswith("model given up after 2 failures")


def test_without_an_endpoint_it_does_not_start():
    with pytest.raises(ValueError, match="needs an endpoint"):
        create("language").reset(FACTS, 0)
    with pytest.raises(ValueError, match="allowed is http"):
        create("language", {"url": "file:///etc/passwd"})
