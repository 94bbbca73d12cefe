"""Checks that the project's packages are the ones that Python would import.

Names such as `agents` and `envs` are short, and other distributions install them too
(openai-agents has a top-level `agents`). Whichever comes first on `sys.path` wins silently.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from experiments.errors import EXIT_USER_ERROR, UserError

PACKAGES = ("robots", "envs", "agents", "configs")
ROOT = Path(__file__).resolve().parent.parent


def check_packages(root: Path = ROOT) -> None:
    """Raise `UserError` unless `PACKAGES` all resolve to folders in `root`."""
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None:
            raise UserError(f"package '{name}' is missing: it belongs in {root}; reinstall")
        found = Path(next(iter(spec.submodule_search_locations or [spec.origin or name])))
        if found.resolve() != root / name:
            raise UserError(
                f"package '{name}' is shadowed by {found}: Monozukuri needs {root / name}; "
                "uninstall the other distribution, or run in the project's own folder and .venv"
            )


def check_packages_or_exit() -> None:
    """Run `check_packages` on import; under `python -m experiments.VERB`, fail in one line."""
    try:
        check_packages()
    except UserError as error:
        if sys.argv[:1] != ["-m"]:  # Python's mark for "still looking for the -m module"
            raise
        sys.stderr.write(f"error: {error}\n")
        sys.exit(EXIT_USER_ERROR)
