"""A language model as supervisor, over an endpoint that the user names (OpenAI's chat completions).

Off unless a user names an endpoint. The model gets the tools that are allowed at a decision as JSON schema,
and the view as JSON. What it answers is data: a tool that is not allowed, a value that is out of range, or
anything that is no such answer is refused, and the fallback decides instead and says why. The shift's
interlocks check every choice once more, whoever made it.
"""

from __future__ import annotations

import json
import math
import os
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from agents.decider import Answer, Decider
from agents.supervisor import Supervisor

_LONGEST_REPLY = 65_536  # bytes; a tool call takes some hundred
_LONGEST_WHY = 300
_SYSTEM = (
    "You supervise one machine-tool cell in a factory. At each decision choose exactly one of the tools "
    "given; leave out values that you do not need. Safety first, then good parts at least cost. Put your "
    "reason, in a few words, into 'why'."
)


@dataclass(frozen=True)
class LanguageHyper:
    """Where the model is.

    Attributes:
        url: Base of the endpoint, such as http://127.0.0.1:8000/v1; "" for none.
        model: Its name there.
        key_variable: Environment variable that holds the key; "" for none. The key is never written down.
        timeout_s: A reply that takes longer is given up.
        failures: So many in a row, and the model is not asked again in this shift.

    Raises:
        ValueError: for another scheme than http(s), and numbers out of range.
    """

    url: str = ""
    model: str = ""
    key_variable: str = ""
    timeout_s: float = 20.0
    failures: int = 5

    def __post_init__(self) -> None:
        if self.url and urlsplit(self.url).scheme not in ("http", "https"):
            raise ValueError(f"url is {self.url!r}: allowed is http://... or https://...")
        if not 0.0 < self.timeout_s <= 600.0:
            raise ValueError(f"timeout_s is {self.timeout_s}: allowed is above 0, at most 600")
        if self.failures < 1:
            raise ValueError(f"failures is {self.failures}: allowed is at least 1")


class Refused(ValueError):
    """A reply that is not used; its text is the reason."""


class LanguageSupervisor(Decider):
    """Asks a language model, and a fallback where its reply is refused.

    Attributes:
        asked: Decisions that were put to the model.
        refused: Of these, replies that were not used.
    """

    hyper_class: ClassVar[type] = LanguageHyper

    def __init__(self, hyper: LanguageHyper = LanguageHyper(), fallback: Supervisor | None = None) -> None:
        self.hyper = hyper
        self.fallback = Supervisor() if fallback is None else fallback

    def reset(self, facts: Mapping[str, Any], seed: int) -> None:
        """Begin a shift; the tools' specifications are among the facts."""
        super().reset(facts, seed)
        if not self.hyper.url:
            raise ValueError(
                "url is '': the language supervisor needs an endpoint, such as http://127.0.0.1:8000/v1"
            )
        self.fallback.reset(facts, seed)
        self.specs = facts["tools"]
        self.asked = self.refused = self._in_a_row = 0

    def decide(self, decision: Any) -> Answer:
        """Return the model's answer, or the fallback's with the reason."""
        usual = self.fallback.decide(decision)  # always, so that its beliefs follow the shift
        if self._in_a_row >= self.hyper.failures:
            return usual._replace(why=f"model given up after {self._in_a_row} failures; {usual.why}")
        self.asked += 1
        try:
            answer = self.read(self._post(self.request(decision)), decision.tools)
        except Refused as reason:
            self.refused += 1
            self._in_a_row += 1
            return usual._replace(why=f"model refused ({reason}); {usual.why}")
        self._in_a_row = 0
        if answer.tool != usual.tool:
            self.fallback.overruled()
        return answer

    def request(self, decision: Any) -> dict[str, Any]:
        """Return the body of a request: the allowed tools as functions, the view as text."""
        view = {key: value for key, value in decision.view.items() if value is not None}
        said = {"role": decision.role, "time_s": round(decision.time_s, 1), "view": view}
        return {
            "model": self.hyper.model,
            "messages": [
                {"role": "system", "content": _SYSTEM},
                {"role": "user", "content": json.dumps(said, default=str)},
            ],
            "tools": [_function(self.specs[name]) for name in decision.tools],
            "tool_choice": "required",
            "temperature": 0,
            "seed": 0,
        }

    def _post(self, body: Mapping[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"}
        key = os.environ.get(self.hyper.key_variable, "") if self.hyper.key_variable else ""
        if key:
            headers["Authorization"] = f"Bearer {key}"
        url = self.hyper.url.rstrip("/") + "/chat/completions"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
        try:
            with _OPENER.open(request, timeout=self.hyper.timeout_s) as reply:
                raw = reply.read(_LONGEST_REPLY + 1)
        except urllib.error.HTTPError as error:
            raise Refused(f"HTTP {error.code}") from None
        except (OSError, ValueError, urllib.error.URLError) as error:
            raise Refused(f"no reply: {type(error).__name__}") from None
        if len(raw) > _LONGEST_REPLY:
            raise Refused(f"longer than {_LONGEST_REPLY} bytes")
        try:
            return json.loads(raw)
        except ValueError:
            raise Refused("not JSON") from None

    def read(self, reply: Any, allowed: Sequence[str]) -> Answer:
        """Return the answer in a reply.

        Raises:
            Refused: for a reply of another form, a tool that is not allowed, and values out of range.
        """
        try:
            call = reply["choices"][0]["message"]["tool_calls"][0]["function"]
            tool, arguments = call["name"], call["arguments"]
        except (KeyError, IndexError, TypeError):
            raise Refused("no tool call") from None
        if not isinstance(tool, str) or tool not in allowed:
            raise Refused(f"tool {str(tool)[:40]!r} is not allowed now")
        try:
            values = json.loads(arguments) if isinstance(arguments, str) else arguments
        except ValueError:
            raise Refused("arguments are not JSON") from None
        if not isinstance(values, dict):
            raise Refused("arguments are no object")
        why = " ".join(str(values.pop("why", "no reason given")).split())[:_LONGEST_WHY]
        fields = {field.name: field for field in self.specs[tool].fields}
        for name, value in values.items():
            if name not in fields:
                raise Refused(f"{tool} has no value {str(name)[:40]!r}")
            _check(fields[name], value)
        return Answer(tool, values, f"model: {why}")


def _check(field: Any, value: Any) -> None:
    """Refuse a value that a tool's field does not take."""
    if field.low is not None:
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not field.low <= value <= field.high:
            raise Refused(f"{field.name} is {str(value)[:40]!r}: allowed are {field.low:g} to {field.high:g}")
    elif not isinstance(value, str) or (field.words and value not in field.words):
        raise Refused(f"{field.name} is {str(value)[:40]!r}: allowed are {', '.join(field.words) or 'texts'}")


def _function(spec: Any) -> dict[str, Any]:
    """Return a tool as a function that language models take."""
    properties: dict[str, Any] = {"why": {"type": "string", "description": "the reason, in a few words"}}
    for field in spec.fields:
        if field.low is not None:
            kind = {"type": "number", "minimum": field.low, "maximum": field.high}
        else:
            kind = {"type": "string", **({"enum": list(field.words)} if field.words else {})}
        properties[field.name] = {**kind, "description": field.meaning}
    parameters = {"type": "object", "properties": properties, "additionalProperties": False}
    return {
        "type": "function",
        "function": {"name": spec.name, "description": spec.meaning, "parameters": parameters},
    }


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses an endpoint that sends elsewhere: key and view go where the user said, or nowhere."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""


_OPENER = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
