"""Configuration: strict YAML, flags, and one line for every mistake."""

import subprocess
import sys
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pytest
import tyro

from experiments import guard
from experiments.config import (
    UserError,
    check_choice,
    from_yaml,
    load_config,
    nearest,
    parse,
    read_yaml,
    run_verb,
    to_yaml,
    unknown,
    user_input,
)

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Optimiser:
    rate: float = 1e-3
    """Learning rate."""


@dataclass(frozen=True)
class Config:
    """A configuration with one field of each kind."""

    run: tyro.conf.Positional[str] = "expert"
    """A run or an agent."""
    task: str = "LoadChuck"
    """The task."""
    mode: Literal["dense", "sparse"] = "dense"
    """The reward."""
    n_steps: int = 100
    """Number of steps."""
    quick: bool = False
    """Take a short cut."""
    out: Path | None = None
    """Where to write."""
    sizes: tuple[int, ...] = (64, 64)
    """Layer sizes."""
    weights: dict[str, float] = field(default_factory=dict)
    """Weights of the reward's terms."""
    optimiser: Optimiser = Optimiser()
    """The optimiser."""

    def __post_init__(self):
        if self.n_steps < 1:
            raise ValueError(f"n_steps is {self.n_steps}: allowed is 1 or more")


@dataclass(frozen=True)
class Required:
    name: str
    """No default."""


def test_yaml_round_trip():
    config = Config(
        task="off", n_steps=7, quick=True, out=Path("a b"), weights={"reach": 1e-7}, sizes=(1, 2, 3)
    )
    assert from_yaml(Config, to_yaml(config)) == config
    assert from_yaml(Config, to_yaml(Config())) == Config()


@pytest.mark.parametrize("text", ["off", "1e-3", "1:30", "2026-01-01", "010", "null", "~", "ラ", ""])
def test_text_stays_text(text):
    assert from_yaml(Config, to_yaml(Config(task=text))).task == text


def test_yaml_numbers():
    data = read_yaml("[1, -2, 1e-3, .5, 1., true, null, 1:30, yes, 2026-01-01, .inf]")
    assert data == [1, -2, 1e-3, 0.5, 1.0, True, None, "1:30", "yes", "2026-01-01", float("inf")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n_stps: 3", r"cfg: unknown key 'n_stps': .*; did you mean 'n_steps'\?"),
        ("n_steps: seven", "cfg: n_steps: 'seven' is not a whole number"),
        ("n_steps: true", "cfg: n_steps: True is not a whole number"),
        ("n_steps: 3.5", "cfg: n_steps: 3.5 is not a whole number"),
        ("n_steps: 0", "n_steps is 0: allowed is 1 or more"),
        ("quick: yes", "cfg: quick: 'yes' is not true or false"),
        ("mode: sprase", r"cfg: mode: unknown value 'sprase'.*; did you mean 'sparse'\?"),
        ("sizes: 64", "cfg: sizes: 64 is not a list"),
        ("sizes: [64, a]", r"cfg: sizes\[1\]: 'a' is not a whole number"),
        ("out: 3", "cfg: out: 3 is not Path or null"),
        ("weights: {a: b}", "cfg: weights.a: 'b' is not a number"),
        ("optimiser: {rat: 1}", r"cfg: optimiser: unknown key 'rat'.*; did you mean 'rate'\?"),
        ("task: a\ntask: b", "cfg:2: key 'task' is given twice"),
        ("task: &x a\nrun: *x", "cfg:2: aliases are refused"),
        ("task: !!python/object/apply:os.system [id]", "cfg:1: .*constructor.*python"),
        ("? [1]\n: 2", "cfg:1: key .* is neither text nor a whole number"),
        ("- 1", r"cfg: \[1\] is not a mapping"),
        ("task: [", "cfg:1: "),
    ],
)
def test_bad_yaml_is_one_line(text, message):
    with pytest.raises(UserError, match=message) as caught:
        from_yaml(Config, text, "cfg")
    assert "\n" not in str(caught.value)


def test_missing_key():
    with pytest.raises(UserError, match="key 'name' is missing"):
        from_yaml(Required, "")
    assert parse(Required, "train", ["--name", "a"]) == Required("a")
    with pytest.raises(UserError, match="name"):
        parse(Required, "train", [])


def test_flags_override_the_file_and_the_file_the_defaults(tmp_path):
    path = tmp_path / "my run.yaml"
    path.write_text("n_steps: 7\nmode: sparse\noptimiser: {rate: 1e-2}\n")
    config = parse(Config, "train", ["taught", "--config", str(path), "--n-steps=8", "--quick"])
    assert config == Config("taught", "LoadChuck", "sparse", 8, True, optimiser=Optimiser(1e-2))
    assert parse(Config, "train", ["--n_steps", "9"]).n_steps == 9
    assert parse(Config, "train", ["--optimiser.rate", "3"]).optimiser.rate == 3.0
    assert load_config(Config, "train", str(path)).n_steps == 7


def test_a_file_may_be_invalid_until_the_flags_complete_it(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("n_steps: 0")
    assert parse(Config, "train", [f"--config={path}", "--n-steps", "1"]).n_steps == 1
    with pytest.raises(UserError, match="n_steps is 0: allowed is 1 or more"):
        parse(Config, "train", [f"--config={path}"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n-step", "3"], r"unknown flag '--n-step': allowed are .*; did you mean '--n-steps'\?"),
        (["--n-steps", "q"], "--n-steps: 'q' is not a whole number"),
        (["--optimiser.rate", "q"], "--optimiser.rate: 'q' is not a number"),
        (["--n-steps", "-1"], "^n_steps is -1: allowed is 1 or more$"),
        (["--mode", "sprase"], r"unknown --mode 'sprase': .*; did you mean 'sparse'\?"),
        (["--task"], "missing value for argument '--task'"),
        (["a", "b"], "unrecognized .*b"),
        (["--config"], "--config needs"),
        (["--config", "a", "--config", "b"], "--config is given twice"),
        (["--config", "nope"], "unknown train configuration 'nope': allowed are"),
        (["--config", "nope.yaml"], "cannot read configuration 'nope.yaml': No such file"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message):
    with pytest.raises(UserError, match=message) as caught:
        parse(Config, "train", arguments)
    assert not set("\n╭│─") & set(str(caught.value))


def test_help_lists_every_flag(capsys):
    with pytest.raises(SystemExit) as stop:
        parse(Config, "train", ["--help"], "Trains one agent.")
    assert not stop.value.code
    text = capsys.readouterr().out
    for word in (
        "Trains one agent.",
        "--config",
        "--n-steps",
        "Number of steps.",
        "--optimiser.rate",
    ):
        assert word in text


def test_names_are_suggested():
    assert nearest("loadchuk", ["Reach", "LoadChuck"]) == "LoadChuck"
    assert nearest("zzz", ["Reach", "LoadChuck"]) is None
    assert str(unknown("task", "LoadChcuk", ["LoadChuck", "Reach"])) == (
        "unknown task 'LoadChcuk': allowed are LoadChuck, Reach; did you mean 'LoadChuck'?"
    )
    check_choice("task", "Reach", ["Reach"])
    with pytest.raises(UserError, match="unknown task 'Reahc'"):
        check_choice("task", "Reahc", ["Reach"])


def _raise(error: BaseException) -> Any:
    raise error


def test_run_verb_exit_codes(capsys):
    for main, code, line in [
        (lambda: 0, 0, ""),
        (lambda: None, 0, ""),
        (lambda: 3, 3, ""),
        (lambda: _raise(UserError("seed is -1:\n allowed is 0")), 2, "seed is -1: allowed is 0\n"),
        (lambda: _raise(KeyboardInterrupt()), 130, "interrupted\n"),
    ]:
        with pytest.raises(SystemExit) as stop:
            run_verb(main)
        assert stop.value.code == code
        assert capsys.readouterr().err.removeprefix("error: ") == line
    with pytest.raises(ValueError, match="a bug"):
        run_verb(lambda: _raise(ValueError("a bug")))


def test_user_input_turns_only_what_it_is_told():
    with pytest.raises(UserError, match="robot"), user_input():
        raise ValueError("unknown robot")
    with pytest.raises(UserError, match="id"), user_input(KeyError):
        raise KeyError("id")
    with pytest.raises(TypeError), user_input():
        raise TypeError("a bug")


def test_a_shadowing_package_is_named(tmp_path):
    guard.check_packages()
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text("")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; "
        "sys.argv[0] = '-m'; import experiments"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: package 'agents' is shadowed by {tmp_path / 'agents'}")
    assert done.stderr.count("\n") == 1


def test_every_shipped_file_is_strict_yaml():
    folders = [Path(str(files("configs")))]
    for path in sorted(path for folder in folders for path in folder.rglob("*.y*ml")):
        assert path.suffix == ".yaml", f"{path}: only *.yaml ships as package data"
        read_yaml(path.read_text(encoding="utf-8"), str(path))
