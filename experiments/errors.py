"""A user's mistake: one line on stderr, exit code 2, no traceback."""

from __future__ import annotations

import difflib
import errno
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

EXIT_USER_ERROR = 2
EXIT_WORKER_DIED = 3
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
# What a disk or a folder refuses: the user's to mend, no bug of ours.
_REFUSALS = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
)  # fmt: skip


class UserError(ValueError):
    """A mistake of the user, told in one line: what was wrong, its value, what is allowed."""

    exit_code = EXIT_USER_ERROR


class WorkerDied(UserError):
    """A worker process died and its work could not be done again: the run may go on from its checkpoint."""

    exit_code = EXIT_WORKER_DIED


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        UserError: If it cannot be read, or is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {str(path)!r}: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{str(path)!r} is damaged: {error}") from None


def nearest(value: object, allowed: Iterable[object]) -> str | None:
    """Return the allowed name that `value` most likely meant, or None."""
    by_key = {str(name).lower().replace("-", "_"): str(name) for name in allowed}
    key = str(value).lower().replace("-", "_")
    matches = difflib.get_close_matches(key, by_key, n=1, cutoff=0.6)
    return by_key[matches[0]] if matches else None


def unknown(what: str, value: object, allowed: Iterable[object]) -> UserError:
    """Make the error for a name that does not exist.

    Args:
        what: What the name stands for, such as "task".
        value: The name that was given.
        allowed: The names that exist.

    Returns:
        An error such as "unknown task 'LoadChcuk': allowed are LoadChuck, Reach; did you mean
        'LoadChuck'?".
    """
    names = [str(name) for name in allowed]
    message = f"unknown {what} {str(value)!r}: allowed are {', '.join(names) or '(none)'}"
    guess = nearest(value, names)
    return UserError(f"{message}; did you mean {guess!r}?" if guess else message)


def check_choice(what: str, value: object, allowed: Iterable[object]) -> None:
    """Raise `unknown(what, value, allowed)` unless `value` is one of `allowed`."""
    choices = list(allowed)
    if value not in choices:
        raise unknown(what, value, choices)


def check_counts(config: object) -> None:
    """Raise `ValueError` for `episodes` or `workers` (None is none named) below 1, or a `seed` below 0."""
    for name, least in (("episodes", 1), ("workers", 1), ("seed", 0)):
        value = getattr(config, name)
        if value is not None and value < least:
            raise ValueError(f"{name} is {value}: allowed is {least} or more")


def check_pairs(pairs: Sequence[str]) -> None:
    """Raise `ValueError` unless every text is NAME=VALUE and no name comes twice."""
    names = [pair.partition("=")[0] for pair in pairs]
    for pair, name in zip(pairs, names, strict=True):
        if not re.fullmatch(r"\w+=\S+", pair):
            raise ValueError(f"option is {pair!r}: NAME=VALUE is needed")
        if names.count(name) > 1:
            raise ValueError(f"option {name} is given twice")


@contextmanager
def user_input(*errors: type[Exception]) -> Iterator[None]:
    """Turn errors raised by checks of user input into `UserError`.

    Wrap only the call that checks, such as `gymnasium.make(...)`, so that a `ValueError` from
    anywhere else still shows its traceback.

    Args:
        errors: The error types to turn; `ValueError` if none is given.
    """
    kinds = errors or (ValueError,)
    try:
        yield
    except UserError:
        raise
    except kinds as error:
        raise UserError(str(error)) from error


def refused(error: OSError) -> bool:
    """Return whether a disk is full or a folder refuses, which is no bug."""
    return error.errno in _REFUSALS


def run_verb(main: Callable[[], int | None]) -> NoReturn:
    """Run a command line's `main` and exit with its code.

    A `UserError`, what is wrong with a folder from outside, or a disk that is full or refuses becomes one
    line on stderr and exit code 2, Ctrl-C becomes exit code 130; any other error is a bug and keeps its
    traceback.
    """
    from configs.extensions import ExtensionError  # here, so that a shadowed `configs` is told of first

    try:
        code = main() or 0
    except (UserError, ExtensionError) as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        code = getattr(error, "exit_code", EXIT_USER_ERROR)
    except OSError as error:
        if not refused(error):
            raise
        where = f" {str(error.filename)!r}" if error.filename else ""
        sys.stderr.write(f"error: cannot write or read{where}: {error.strerror}\n")
        code = EXIT_USER_ERROR
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        code = EXIT_INTERRUPTED
    sys.exit(code)
