"""Strict YAML: plain data only, nothing guessed, nothing executed.

Compared with `yaml.safe_load`: a key given twice, an anchor and a tag are errors, and plain words
mean what YAML 1.2 says (`off`, `1:30` and `2026-01-01` are text, `1e-3` is a number).
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml


class StrictYamlError(ValueError):
    """A document is not strict YAML; says where and why."""


class _Loader(yaml.SafeLoader):
    """`yaml.SafeLoader` with YAML 1.2 scalars, without duplicate keys or aliases."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (YAML 1.1's words are dropped)
    # Of the tags that `yaml.SafeLoader` knows only plain data are left: no bytes, sets, pairs or dates.
    yaml_constructors = {  # noqa: RUF012
        tag: make
        for tag, make in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in ("null", "bool", "int", "float", "str", "seq", "map")
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            # Aliases of aliases grow without bound ("billion laughs").
            mark = self.get_mark()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are refused", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            problem = None
            if not isinstance(key, str | int):
                problem = f"key {key!r} is neither text nor a whole number"
            elif key in seen:
                problem = f"key {key!r} is given twice"
            if problem:
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_SCALARS = (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    (
        "float",
        r"[-+]?[0-9]+([eE][-+]?[0-9]+)|[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.inf|\.nan",
        list("-+.0123456789"),
    ),
)


class _Dumper(yaml.SafeDumper):
    """`yaml.SafeDumper` that repeats equal lists in full instead of making anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# The dumper keeps YAML 1.1's words as well, so that text such as `off` is quoted for other readers.
for _class in (_Loader, _Dumper):
    for _tag, _pattern, _first in _SCALARS:
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


def read_yaml(text: str, source: str = "YAML") -> Any:
    """Return the plain data in one strict YAML document.

    Args:
        text: The document.
        source: What to call it in an error, usually its path.

    Raises:
        StrictYamlError: If the document is not strict YAML, naming the line.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise StrictYamlError(f"{source}{line}: {getattr(error, 'problem', None) or error}") from None
    except RecursionError:
        raise StrictYamlError(f"{source}: nested too deeply") from None
    finally:
        loader.dispose()


def write_yaml(data: Any) -> str:
    """Return plain data as YAML that `read_yaml` gives back unchanged."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return text
