"""What `make setup` installs, and that it costs nothing the second time."""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def make(*arguments, **environment):
    """Run make as a user does, free of the make that may have started the tests."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        [shutil.which("make"), *arguments], cwd=environment.pop("cwd", ROOT), env=env | environment,
        capture_output=True, text=True,
    )  # fmt: skip


def test_torch_is_pinned_and_brings_no_cuda():
    assert PINS["torch"] == "2.13.0"
    names = [canonical(d.metadata["Name"] or "") for d in metadata.distributions()]
    assert not [name for name in names if name.startswith("nvidia-")]


def test_every_requirement_of_the_set_up_is_pinned():
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["learn"], *extras["dev"]]
    names = {canonical(re.match(r"[\w.-]+", requirement)[0]) for requirement in wanted}
    assert names <= {canonical(name) for name in PINS}


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="not running in .venv")
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="pins are for Python 3.11")
def test_what_is_installed_is_what_is_pinned():
    installed = {name: metadata.version(name).partition("+")[0] for name in PINS}
    assert installed == PINS


def test_a_second_set_up_costs_nothing():
    if not (ROOT / ".venv" / ".set-up").exists() or make("--question", ".venv/.set-up").returncode:
        pytest.skip("no current .venv")
    start = time.perf_counter()
    done = make("setup")
    assert time.perf_counter() - start < 2  # a hundred times what it takes
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_make_alone_prints_help():
    done = make()
    assert done.returncode == 0
    for target in ("setup", "train", "test", "test-all", "test-nightly", "lint", "clean"):
        assert re.search(rf"^  {target} ", done.stdout, re.MULTILINE)


@pytest.fixture
def checkout(tmp_path):
    """A checkout in a path with a space, and a folder for stand-in Pythons."""
    path = tmp_path / "a copy"
    (path / "bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, path)
    for tool in ("sh", "echo", "touch"):
        (path / "bin" / tool).symlink_to(shutil.which(tool))
    return path


def stand_in(path, version, pip="exit 0"):
    """Write a Python that knows its version, makes a .venv with itself in it, and runs `pip`."""
    major, minor = version
    path.write_text(f"""#!/bin/sh
case "$1 $2" in
  "-c "*) exec "{sys.executable}" -c "import sys; sys.version_info = ({major}, {minor}); ${{2#import sys; }}";;
  "-V "*) echo Python {major}.{minor};;
  "-m venv") /bin/mkdir -p .venv/bin && /bin/cp "$0" .venv/bin/python;;
  "-m pip") {pip};;
esac
""")  # noqa: E501
    path.chmod(0o755)


def test_newer_python_is_told_about_wheels_and_used(checkout):
    (checkout / "bin" / "python3.11").write_text("#!/bin/sh\necho 'pyenv: not found' >&2; exit 127\n")
    (checkout / "bin" / "python3.11").chmod(0o755)  # a shim that does not run
    stand_in(checkout / "bin" / "python3.12", (3, 12))
    done = make("setup", cwd=checkout, PATH=str(checkout / "bin"))
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "PyBullet 3.2.7 has Linux x86-64 wheels up to 3.11" in done.stderr
    assert (checkout / ".venv" / ".set-up").exists()


def test_no_python_is_one_clear_error(checkout):
    stand_in(checkout / "bin" / "python3", (3, 9))
    done = make("setup", cwd=checkout, PATH=str(checkout / "bin"))
    assert done.returncode == 2
    assert done.stderr.startswith("Monozukuri needs Python 3.11 or newer")
    assert not (checkout / ".venv").exists()


def test_a_failed_set_up_leaves_no_stamp(checkout):
    stand_in(checkout / "bin" / "python3.11", (3, 11), pip="echo no network >&2; exit 1")
    done = make("setup", cwd=checkout, PATH=str(checkout / "bin"))
    assert done.returncode == 2
    assert "no network" in done.stderr
    assert not (checkout / ".venv" / ".set-up").exists()
