"""Pages about tasks, written from the environments themselves, their clips, and the results so far."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from envs import CELL_IDS, TASKS
from envs.cell import control, observation, signals
from envs.cell.options import CellConfig
from envs.cell.parts import families
from envs.cell.plan import request_value
from envs.cell.stations import station
from envs.cell.variation import CHOICES, FACTORS, split
from experiments import cells, results
from experiments.errors import UserError, check_choice
from experiments.gallery import FILMED, clip_name, film_clip
from experiments.guard import ROOT
from experiments.markdown import Block, page, plain, table
from robots.catalog import ARMS, machine_spec
from robots.machine_tool import REQUESTS

if TYPE_CHECKING:
    from envs.cell.core import CellEnv

COMMAND = "python -m experiments.demo --cards"
SPLITS = ("nominal", "seen")
N_INSTRUCTIONS = 10
# A tolerance's unit, what it is multiplied by, and what that gives.
_UNITS = {"m": (1000.0, "mm"), "rad": (180 / math.pi, "degrees"), "100 N": (100.0, "N")}


def write_cards(
    out: Path | None,
    task: str | None,
    say: Callable[[str], None],
    *,
    clips: bool = True,
    results_in: Path | None = None,
) -> None:
    """Write the pages of all tasks or of one, the index of all, and the clips.

    Args:
        out: Their directory; None for `docs/tasks` of this checkout.
        task: The one task; None for all.
        say: Told what was written.
        clips: Whether to film too.
        results_in: Where to gather `evaluation.json` files into `docs/results.json` first.

    Raises:
        UserError: If there is no such task or a folder or a result cannot be used.
    """
    if task is not None:
        check_choice("task", task, TASKS)
    checkout = (ROOT / "pyproject.toml").is_file() and (ROOT / "docs").is_dir()
    if not checkout and (out is None or results_in is not None):
        raise UserError(f"{str(ROOT)!r} is not a checkout: --cards needs --out DIR, without --results")
    rows = results.gather(results_in, TASKS) if results_in else results.read(results.FILE, TASKS)
    folder = out or ROOT / "docs" / "tasks"
    _make(folder)
    if results_in:
        results.write(results.FILE, rows)
        say(f"{len(rows)} results are in {results.FILE}")
    for name in TASKS if task is None else (task,):
        (folder / f"{name}.md").write_text(card(name, rows), encoding="utf-8")
        for agent in FILMED if clips else ():
            say(film_clip(name, agent, folder / clip_name(name, agent)))
    (folder / "README.md").write_text(index(rows), encoding="utf-8")
    if out is None and task is None:
        cells.write()
    say(f"The cards are in {folder}")


def _make(folder: Path) -> None:
    """Make a folder that can be written to, or say in one line why not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to {str(folder)!r}: {error.strerror}") from None


# --- Pages ---------------------------------------------------------------------------------------


def index(recorded: Sequence[results.Row] = ()) -> str:
    """Return the page that lists all cards, and what has been recorded in one table."""
    rows = []
    for env_id, name in zip(CELL_IDS, TASKS, strict=True):
        clip = f'[<img src="{clip_name(name, "expert")}" width="240" alt="{name}">]({name}.md)'
        env = _make_env(name)
        rows.append([f"[`{env_id}`]({name}.md)", env.task_description.splitlines()[0], clip])
        env.close()
    cards = f"Written by `{COMMAND}`.", table(["id", "what", "the expert"], rows)
    if not recorded:
        return page("Tasks", *cards)
    head = "Success on held-out test episodes, Wilson 95 % interval: `python -m experiments.table`."
    untrained = [row for row in recorded if row["trained"] is None]
    return page("Tasks", *cards, "## Results", head, results.matrix(untrained))


# --- A card --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Facts:
    """What a card is made of: the environment as usual, with pictures, and under every control."""

    env: CellEnv
    rgb: CellEnv
    controls: dict[str, CellEnv]


def card(name: str, rows: Sequence[results.Row] = ()) -> str:
    """Return the page of a task.

    Args:
        name: The task, such as "LoadChuck".
        rows: Results of all tasks.
    """
    facts = _Facts(
        _make_env(name),
        _make_env(name, observation="rgb"),
        {kind: _make_env(name, control=kind) for kind in control.CONTROLS},
    )
    clips = [f"![{what}]({clip_name(name, agent)})" for agent, what in FILMED.items()]
    first = facts.env.seeds["test"][0]
    parts: list[Block] = [
        f"`Monozukuri/{name}-v0`, of the [tasks](README.md). Written from the environment by `{COMMAND}`.",
        table([f"the {what}" for what in FILMED.values()], [clips]),
        f"The same episode of the split `seen` for both, test seed {first}.",
        *_description(facts.env),
        *_success(facts.env),
        *_randomised(facts.env),
        *_observations(facts),
        *_actions(facts),
        *_rewards(facts.env),
        *_options(facts.env),
        *_instructions(facts.env),
        "## Results so far",
        *results.section(name, rows),
    ]
    for env in (facts.env, facts.rgb, *facts.controls.values()):
        env.close()
    return page(name, *parts)


def _make_env(name: str, **options: Any) -> CellEnv:
    return gymnasium.make(f"Monozukuri/{name}-v0", **options).unwrapped  # type: ignore[return-value]


def _description(env: CellEnv) -> list[Block]:
    """The card that stands at the head of the task's file, as text."""
    text = inspect.getdoc(inspect.getmodule(type(env.task))) or env.task_description
    first, _, rest = text.removeprefix(f"{env.task.name}: ").partition("\n\n")
    paragraphs = re.split(r"\n(?=Randomised:|Success:)", rest)
    return [" ".join(part.split()) for part in (first[0].upper() + first[1:], *paragraphs)]


def _success(env: CellEnv) -> list[Block]:
    task = type(env.task)
    period_s = 1 / env.metadata["render_fps"]
    limit_s = env.task.max_steps * period_s
    told = (
        f"All of the goal within tolerance for {task.HOLD_STEPS} steps of {1000 * period_s:g} ms in a row; "
        f"an episode ends then, or after {task.max_steps} steps ({limit_s:g} s)."
    )
    if task.norm:
        told += " The first three numbers are one distance."
    rows = []
    for goal, tolerance in zip(task.goals, task.tolerance, strict=True):
        word, _, unit = goal.rstrip("]").partition(" [")
        factor, shown = _UNITS.get(unit, (1.0, ""))
        rows.append([word, unit or "0 or 1", f"{factor * tolerance:.4g} {shown}" if unit else "must be so"])
    return ["## Success", told, table(["goal", "unit", "tolerance"], rows)]


def _randomised(env: CellEnv) -> list[Block]:
    levels = [split(level) for level in SPLITS]
    factors = [
        [f"`{name}`", known.unit, *(_range(level.factors[name]) for level in levels), known.meaning]
        for name, known in FACTORS.items()
    ]
    choices = [[f"`{name}`", *(_listed(level.choices[name]) for level in levels)] for name in CHOICES]
    return [
        "## Randomisations",
        "Uniform within a range, by split; where a task has no parts or no machine, theirs change nothing.",
        table(["factor", "unit", *SPLITS, "what"], factors),
        table(["choice", *SPLITS], choices),
    ]


def _listed(values: Sequence[str]) -> str:
    """Return what is chosen from: pairs by family, numbered surfaces by kind."""
    groups: dict[str, list[str]] = {}
    for value in values:
        colour, _, family = value.partition(" ")
        kind, _, number = value.partition("-")
        key, member = (family, colour) if family else (kind, number) if number.isdigit() else ("", value)
        groups.setdefault(key, []).append(member)
    told = []
    for key, members in groups.items():
        if key and members[0].isdigit():
            told.append(f"{len(members)} {key}")
        else:
            told.append(f"{key}: {' '.join(members)}" if key else ", ".join(members))
    return "; ".join(told)


def _observations(facts: _Facts) -> list[Block]:
    space: Any = facts.env.observation_space
    joints = facts.controls["joint"].action_space.shape[0] - 1 - int(facts.env.task.commands)  # type: ignore[index]
    names = observation.state_names(type(facts.env.task), joints)
    goal = ", ".join(word.partition(" [")[0] for word in facts.env.task.goals)
    rows = [
        ["`observation`", _span(first, len(group)), " ".join(f"`{name}`" for name in group), f"±{bound:g}"]
        for first, group, bound in _groups(names)
    ]
    for key in ("achieved_goal", "desired_goal"):
        size = space[key].shape[0]
        rows.append([f"`{key}`", f"0 to {size - 1}", goal, f"±{observation.LIMIT:g}"])
    keys = [
        [f"`{key}`", str(box.shape), str(box.dtype), f"{_least(box.low)} to {_most(box.high)}"]
        for key, box in facts.rgb.observation_space.spaces.items()  # type: ignore[attr-defined]
    ]
    tail = ", ".join(f"`{name}`" for name in signals.AGENT_POS_TAIL)
    told = inspect.getdoc(observation.state) or ""
    return [
        "## Observations",
        f'`observation="state"`: {space["observation"].shape[0]} numbers and the goal; `"flat"`: all in one '
        f"vector of {sum(box.shape[0] for box in space.spaces.values())}. {' '.join(told.split())}",
        table(["key", "numbers", "names", "bounds"], rows),
        f'`observation="rgb"`, as usual; `"rgbd"` adds `depth_<camera>`. `agent_pos` holds {joints} joints, '
        f"then {tail}; `machine` holds {', '.join(f'`{name}`' for name in signals.MACHINE)}.",
        table(["key", "shape", "type", "bounds"], keys),
    ]


def _groups(names: Sequence[str]) -> list[tuple[int, list[str], float]]:
    """Return neighbours that belong together and have one bound: number of the first, names, bound."""
    starts = [name.partition("_")[0] for name in names]
    groups: list[tuple[str, int, list[str], float]] = []
    for i, name in enumerate(names):
        kind = starts[i] if starts.count(starts[i]) > 1 else ""  # single numbers share a row
        bound = 1.0 if name.endswith("mm") else observation.LIMIT
        if groups and (groups[-1][0], groups[-1][3]) == (kind, bound):
            groups[-1][2].append(name)
        else:
            groups.append((kind, i, [name], bound))
    return [group[1:] for group in groups]


def _actions(facts: _Facts) -> list[Block]:
    stride, commands = facts.env.stride, int(facts.env.task.commands)
    step, turn = f"±{1000 * stride.step_m:g} mm", f"±{stride.step_rad:g} rad"
    moves = {
        "ee_yaw": [("hand along x, y, z", 3, step), ("hand about the vertical", 1, turn)],
        "ee": [("hand along x, y, z", 3, step), ("hand about x, y, z", 3, turn)],
        "joint": [("joints, from the base", -1, f"±{control.JOINT_STEP_RAD:g} rad")],
    }
    rows = []
    for kind, env in facts.controls.items():
        (size,) = env.action_space.shape  # type: ignore[misc]
        at = 0
        for what, n, gain in (*moves[kind], ("gripper", 1, "below 0 closes, else opens")):
            n = size - 1 - commands if n < 0 else n
            rows.append([f"`{kind}`", _span(at, n), what, gain])
            at += n
        if commands:
            rows.append([f"`{kind}`", _span(at, commands), "request to the machine", "see below"])
        assert at + commands == size, f"{kind}: {at + commands} numbers described, {size} in an action"
    parts: list[Block] = [
        "## Actions",
        "Numbers from -1 to 1; what 1 stands for in one step:",
        table(["control", "numbers", "what", "at ±1"], rows),
    ]
    if commands:
        half = 1 / len(REQUESTS)
        asked = [
            [what, f"{request_value(what) - half:.3f} to {request_value(what) + half:.3f}"]
            for what in REQUESTS
        ]
        parts += [
            "The last number asks the machine; a request is passed on when it changes.",
            table(["request", "numbers"], asked),
        ]
    return parts


def _rewards(env: CellEnv) -> list[Block]:
    task, total = env.task, sum(env.task.weights.values())
    rows = [[f"`{name}`", f"{weight:g}", f"{weight / total:.1%}"] for name, weight in task.weights.items()]
    told = (inspect.getdoc(task.terms) or "").partition("\n\n")[0]
    return [
        "## Reward",
        f"Dense: the weighted mean of these terms, each from 0 to 1, less one. {' '.join(told.split())} "
        "Sparse: 0 where the goal is met, else -1.",
        table(["term", "weight", "share"], rows),
    ]


def _options(env: CellEnv) -> list[Block]:
    task, usual = type(env.task), CellConfig()
    rows = [
        ["`robot`", usual.robot, ", ".join(ARMS)],
        ["`machine`", task.machines[0] if task.machines else "none", ", ".join(task.machines) or "none"],
        *([f"`{name}`", str(some[0]), ", ".join(map(str, some))] for name, some in task.options.items()),
    ]
    suits = {f for f, s in families().items() if task.workholding in ("", s["medium"].workholding)}
    named = [f for f in split("seen").families if f in suits and (not task.families or f in task.families)]
    words = {"named part": ", ".join(named) if task.parts else "none"}
    words["places"] = ", ".join(station(name).word for name in task.stations) or "none"
    rates = {name: machine_spec(name).rate_hz for name in task.machines}
    faster = [f"{hz} Hz with {name}" for name, hz in rates.items() if hz > task.rate_hz]
    words["physics"] = ", ".join([f"{task.rate_hz} Hz", *faster])
    if task.cycle_s:
        words["machining"] = f"{task.cycle_s:g} s"
    told = "; ".join(f"{what}: {value}" for what, value in words.items())
    return ["## Options", table(["option", "usual", "allowed"], rows), f"{told[0].upper()}{told[1:]}."]


def _instructions(env: CellEnv) -> list[Block]:
    first = env.seeds["test"][0]
    said = [env.reset(seed=first + i)[1]["instruction"] for i in range(N_INSTRUCTIONS)]
    return [
        "## Instructions",
        f"Of the first {N_INSTRUCTIONS} test episodes under `seen`:",
        [f"- {plain(text)}" for text in said],
    ]


def _span(first: int, n: int) -> str:
    return f"{first}" if n == 1 else f"{first} to {first + n - 1}"


def _range(limits: tuple[float, float]) -> str:
    low, high = limits
    return f"{low:g}" if low == high else f"±{high:g}" if low == -high else f"{low:g} to {high:g}"


def _least(values: Any) -> str:
    return f"{float(np.min(values)):g}"


def _most(values: Any) -> str:
    return f"{float(np.max(values)):g}"
