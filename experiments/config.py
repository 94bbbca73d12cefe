"""Configuration: strict YAML and command-line flags into frozen dataclasses.

A verb declares a frozen dataclass with a docstring under each field; that is its configuration
file, its flags and its help at once. Values come from, weakest first: the field's default, the file
given with `--config`, the flags. Only the whole is validated, by the class's `__post_init__`, which
raises a `ValueError` that names the field, its value and what is allowed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from configs import strict_yaml
from configs.strict_yaml import write_yaml
from experiments.errors import (
    UserError,
    check_choice,
    check_counts,
    check_pairs,
    nearest,
    run_verb,
    unknown,
    user_input,
)

__all__ = [
    "UserError",
    "check_choice",
    "check_counts",
    "check_pairs",
    "config_names",
    "from_yaml",
    "load_config",
    "nearest",
    "parse",
    "read_yaml",
    "run_verb",
    "to_yaml",
    "unknown",
    "user_input",
    "write_yaml",
]

T = TypeVar("T")


def read_yaml(text: str, source: str = "YAML") -> Any:
    """Return the plain data in one strict YAML document; what is wrong with it is a UserError."""
    with user_input(strict_yaml.StrictYamlError):
        return strict_yaml.read_yaml(text, source)


def parse(cls: type[T], verb: str, argv: Sequence[str] | None = None, description: str = "") -> T:
    """Read a verb's command line: `--config NAME_OR_FILE`, then a flag for every field.

    Args:
        cls: A frozen dataclass; `tyro.conf.Positional[...]` fields are positional.
        verb: The command's name; configurations by name live in `configs/<verb>/`.
        argv: The arguments; `sys.argv[1:]` if None.
        description: The first lines of `--help`.

    Returns:
        The validated configuration.

    Raises:
        UserError: For any mistake in the arguments or the file; `run_verb` tells it in one line.
        SystemExit: With code 0, after `--help`.
    """
    import tyro  # here, so that reading a YAML file does not need it

    arguments, name = _take_config(list(sys.argv[1:] if argv is None else argv))
    _check_flags(cls, arguments)
    default = _draft(cls, {} if name is None else _read(verb, name), name or "", tyro.MISSING)
    names = ", ".join(config_names(verb)) or "none yet"
    described = f"{description.strip()}\n--config NAME_OR_FILE sets what the flags below start from"
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                cls,
                prog=f"python -m experiments.{verb}",
                description=f"{described} (names: {names}).".strip(),
                args=arguments,
                default=default,
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        if isinstance(stop.__context__, ValueError):  # raised by cls.__post_init__
            raise UserError(str(stop.__context__)) from None
        raise UserError(_one_line(complaint.getvalue(), cls)) from None


def load_config(cls: type[T], verb: str, name: str) -> T:
    """Return the configuration called `name` in `configs/<verb>/`, or in the file `name`."""
    return _build(_draft(cls, _read(verb, name), name))


def from_yaml(cls: type[T], text: str, source: str = "YAML") -> T:
    """Return the configuration in a strict YAML document.

    Args:
        cls: A frozen dataclass.
        text: The document: a mapping from field names to values.
        source: What to call it in an error, usually its path.

    Raises:
        UserError: For an unknown key, a wrong type or a value that `cls` refuses.
    """
    return _build(_draft(cls, read_yaml(text, source), source))


def to_yaml(config: Any) -> str:
    """Return a dataclass instance as YAML; `from_yaml` gives back an equal one."""
    return write_yaml(_plain(dataclasses.asdict(config)))


def config_names(verb: str) -> list[str]:
    """Return the names of the configurations in `configs/<verb>/`."""
    folder = files("configs") / verb
    if not folder.is_dir():
        return []
    return sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name[-5:] == ".yaml")


# --- Files -------------------------------------------------------------------------------------


def _read(verb: str, name: str) -> Any:
    """Return the raw data of a configuration given by name or by file."""
    if name in config_names(verb):
        text = (files("configs") / verb / f"{name}.yaml").read_text(encoding="utf-8")
        return read_yaml(text, f"configs/{verb}/{name}.yaml")
    if not name.endswith((".yaml", ".yml")):
        raise unknown(f"{verb} configuration", name, [*config_names(verb), "FILE.yaml"])
    try:
        return read_yaml(Path(name).read_text(encoding="utf-8"), name)
    except OSError as error:
        raise UserError(f"cannot read configuration {name!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"cannot read configuration {name!r}: it is not UTF-8 text") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


# --- Data into dataclasses -----------------------------------------------------------------------

# What a type is called in an error.
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _draft(cls: type[T], data: Any, source: str, missing: Any = None) -> T:
    """Make an instance without validating it: its fields' defaults, overlaid with `data`.

    Validation waits until the flags are in too, because a file alone may be incomplete. A field
    that has neither a default nor a value is set to `missing`, or is an error if that is None.
    """
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise UserError(f"{source}: {data!r} is not a mapping from keys to values")
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]
    for key in data:
        if key not in fields:
            raise UserError(f"{source}: {unknown('key', key, fields)}")
    hints = get_type_hints(cls)
    draft = object.__new__(cls)
    for name, field in fields.items():
        if name in data:
            value = _convert(hints[name], data[name], f"{source}: {name}")
        elif field.default is not dataclasses.MISSING:
            value = field.default
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        elif missing is not None:
            value = missing
        else:
            raise UserError(f"{source}: key {name!r} is missing")
        object.__setattr__(draft, name, value)
    return draft


def _build(draft: T) -> T:
    """Make the validated instance from a draft, innermost first."""
    values = {}
    for field in dataclasses.fields(draft):  # type: ignore[arg-type]
        if field.init:
            value = getattr(draft, field.name)
            values[field.name] = _build(value) if dataclasses.is_dataclass(value) else value
    with user_input():
        return type(draft)(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Return `value` as the type `hint`; only int to float and list to tuple are converted."""
    origin, options = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _convert(options[0], value, where)
    if origin is Literal:
        if not any(value == option and type(value) is type(option) for option in options):
            raise UserError(f"{where}: {unknown('value', value, options)}")
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(options, value, where)
    if origin in (list, tuple, dict) or hint in (list, tuple, dict):
        return _convert_container(origin or hint, options, value, where)
    if dataclasses.is_dataclass(hint):
        return _draft(hint, value, where)  # type: ignore[arg-type]
    if hint is float and type(value) is int:
        return float(value)
    if hint is Path and type(value) is str:
        return Path(value)
    if hint is not Any and type(value) is not hint:
        raise UserError(f"{where}: {value!r} is not {_name(hint)}")
    return value


def _convert_union(options: tuple[Any, ...], value: Any, where: str) -> Any:
    for option in sorted(options, key=lambda option: option is not type(value)):  # exact type first
        with contextlib.suppress(UserError):
            return _convert(option, value, where)
    raise UserError(f"{where}: {value!r} is not {' or '.join(map(_name, options))}")


def _convert_container(kind: type, items: tuple[Any, ...], value: Any, where: str) -> Any:
    if kind is dict:
        if not isinstance(value, dict):
            raise UserError(f"{where}: {value!r} is not a mapping")
        key_type, item_type = items or (Any, Any)
        return {
            _convert(key_type, key, f"{where}: key"): _convert(item_type, item, f"{where}.{key}")
            for key, item in value.items()
        }
    if not isinstance(value, list):
        raise UserError(f"{where}: {value!r} is not a list")
    if kind is tuple and items and items[-1] is not Ellipsis:
        if len(value) != len(items):
            raise UserError(f"{where}: {value!r} does not have {len(items)} items")
        hints = list(items)
    else:
        hints = [items[0] if items else Any] * len(value)
    pairs = zip(hints, value, strict=True)
    return kind(_convert(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(pairs))


def _name(hint: Any) -> str:
    if hint is type(None):
        return "null"
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    return _NAMES.get(hint, getattr(hint, "__name__", str(hint)))


# --- Flags ---------------------------------------------------------------------------------------


def _take_config(argv: list[str]) -> tuple[list[str], str | None]:
    """Split `--config NAME_OR_FILE` off the arguments."""
    rest: list[str] = []
    name: str | None = None
    queue = iter(argv)
    for argument in queue:
        flag, equals, value = argument.partition("=")
        if flag != "--config":
            rest.append(argument)
            continue
        if name is not None:
            raise UserError("--config is given twice")
        name = value if equals else next(queue, "")
        if not name or name.startswith("--"):
            raise UserError("--config needs a NAME_OR_FILE")
    return rest, name


def _flags(cls: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every flag of `cls`, as written on the command line, with its type."""
    import tyro

    for field, hint in get_type_hints(cls, include_extras=True).items():
        # `tyro.conf.arg(name=...)` gives a flag a name that Python keeps to itself, such as `from`.
        given = (getattr(mark, "name", None) for mark in getattr(hint, "__metadata__", ()))
        name = next((text for text in given if isinstance(text, str)), field)
        flag = f"{prefix}{name}".replace("_", "-")
        if tyro.conf.Positional in getattr(hint, "__metadata__", ()):
            continue
        if dataclasses.is_dataclass(hint):
            yield from _flags(hint, f"{flag}.")  # type: ignore[arg-type]
        else:
            yield f"--{flag}", hint
            if hint is bool:
                yield f"--{prefix}no-{name}".replace("_", "-"), hint


def _check_flags(cls: type, arguments: Sequence[str]) -> None:
    """Raise `UserError` for a flag that does not exist, with the nearest one."""
    flags = {flag for flag, _ in _flags(cls)} | {"--help", "--config"}
    for argument in arguments:
        flag = argument.partition("=")[0].replace("_", "-")
        if re.match(r"--\w", flag) and flag not in flags:
            raise unknown("flag", flag, sorted(flags))


def _one_line(box: str, cls: type) -> str:
    """Return what tyro's error box says, in one line, with the nearest name for a bad choice."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", box)
    lines = [line.strip("│| ") for line in text.splitlines() if not re.match(r"\s*[╭╰+]", line)]
    rules = [i for i, line in enumerate(lines) if re.fullmatch(r"[─-]{5,}", line)]
    message = " ".join(lines[: rules[0]] if rules else lines) or "cannot read the command line"
    if choice := re.match(r"invalid choice '(.*?)' for argument '(--.*?)'", message):
        value, flag = choice.groups()
        if hint := dict(_flags(cls)).get(flag):
            return str(unknown(flag, value, get_args(hint)))
    if failed := re.match(r"Error parsing (\S+): (.*)", message):
        flag, reason = failed.groups()
        if number := re.match(r"(?:invalid literal for int|could not convert).*: ('.*')$", reason):
            reason = f"{number[1]} is not {_NAMES[int if 'int' in reason else float]}"
        usage = next((line for line in lines if line.startswith(f"{flag} ")), flag)
        return f"{flag}: {reason} (usage: {usage})"
    return message[0].lower() + message[1:]
