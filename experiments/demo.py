"""Show any agent or run doing any task: a captioned clip, or PyBullet's window in real time."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from experiments.config import UserError, check_choice, check_pairs, parse, run_verb

if TYPE_CHECKING:
    from agents.learner import Episode
    from agents.policy import Policy
    from experiments.executor import Workers
    from experiments.rollout import EnvRequest

_CLIP = "clip.webp"
# How long the window stands still at the end of an episode.
_REST_S = 1.0


@dataclass(frozen=True)
class Config:
    """What is shown, and how."""

    what: tyro.conf.Positional[str] = "expert"
    """A run's directory, or an agent's name; or the word shift, for a shift of a cell in the terminal
    (--option mode=autonomous, strength=1, hours=8)."""
    task: str | None = None
    """The task; None for the run's own, or LoadChuck."""
    split: str | None = None
    """What varies: nominal or seen; None for the run's own, or seen."""
    seed: int = 0
    """Which held-out episodes: the first ones that `evaluate` takes with this seed."""
    episodes: int = 1
    """Number of episodes, one after the other."""
    robot: str | None = None
    """The arm; None for the run's own, or lrmate200id."""
    control: str | None = None
    """What actions mean; None for the run's own, or ee_yaw."""
    option: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """An option of the task itself, NAME=VALUE, such as machine=horizontal_lathe; once for each."""
    camera: str | None = None
    """Who looks: cell, left, front, tray or chuck; None for the task's own view."""
    window: bool = False
    """Open PyBullet's window, at the speed of a real cell; a clip is left only where --out asks."""
    cards: bool = False
    """Write the pages of all tasks (with --task, of one) and their clips instead."""
    clips: bool = True
    """With --cards: film them too."""
    results: Path | None = None
    """With --cards: first gather the evaluation.json files under this directory into docs/results.json."""
    out: Path | None = None
    """FILE.webp, FILE.mp4 (extra `video`), or a directory for clip.webp; None for runs/<time>-demo-...
    Of a lot of parts on a machine tool: FILE.svg, or a directory for lot.svg and ledger.jsonl.
    With --cards: their directory; None for docs/tasks of this checkout."""

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise ValueError(f"episodes is {self.episodes}: allowed is 1 or more")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: allowed is 0 or more")
        check_pairs(self.option)
        if not self.cards and (self.results is not None or not self.clips):
            raise ValueError("results and no-clips go with --cards")
        if self.cards and self.window:
            raise ValueError("cards and window: one of them is needed")


def main(argv: Sequence[str] | None = None) -> int:
    """Show what the command line names."""
    config = parse(Config, "demo", argv, __doc__)
    if config.cards:
        from experiments.cards import write_cards

        write_cards(config.out, config.task, _say, clips=config.clips, results_in=config.results)
        return 0
    if config.what == "shift":
        from experiments.comparison.live import show_shift

        options = dict(pair.split("=", 1) for pair in config.option)
        _say(f"The chart is {show_shift(options, config.seed, config.out, _say)}")
        return 0
    if config.window:
        check_display()
    demo(config)
    return 0


def demo(config: Config) -> None:
    """Show the episodes; say how each went, and where the clip lies."""
    from envs.cell.layout import CAMERAS, VIEWS
    from experiments import evaluation
    from experiments.executor import Workers
    from experiments.figures import check_clip
    from experiments.film import film, save
    from experiments.rollout import SEED_STRIDE, EnvRequest, episode_seed

    if config.camera is not None:
        check_choice("camera", config.camera, sorted({*VIEWS, *CAMERAS}))
    run = evaluation.read_run(config.what)
    names = evaluation.names_of(config, run)
    lots = EnvRequest(names["task"]).batched  # of which there are charts, not clips
    if config.out is not None and config.out.suffix and not config.out.is_dir() and not lots:
        check_clip(config.out)
    policy, request = evaluation.prepared(config.what, names, evaluation.own_options(config.option))
    with Workers(request, 1) as workers:
        facts = workers.facts()  # before anything is written: it may refuse the options
        numbers = range(SEED_STRIDE * config.seed, SEED_STRIDE * config.seed + config.episodes)
        seeds = [episode_seed(facts.seeds["test"], number) for number in numbers]
        if lots:
            _draw_lot(config, workers, policy, seeds[0])
            return
        if config.window:
            show(request, policy, seeds, facts.fps)
        if config.window and config.out is None:
            return
        agent = Path(str(run.get("agent", config.what))).stem
        path = _clip_path(config.out, f"demo-{request.name}-{agent}")
        films = []
        for seed in seeds:
            films.append(workers.call(film, policy, seed, config.camera))
            if not config.window:
                _say(outcome(films[-1].episode, facts.fps, films[-1].instruction))
        save(films, path, facts.fps)
    _say(f"The clip is {path}")


def _draw_lot(config: Config, workers: Workers, policy: Policy, seed: int) -> None:
    """Leave the run chart of a lot of parts, where there is nothing to film."""
    from experiments.lot_books import lot_lines, lot_qcde
    from experiments.run import RunDirectory, write_text_atomic
    from experiments.run_chart import run_chart_svg, run_lot

    name = workers.request.name
    if config.window or config.camera is not None:
        raise UserError(f"task {name!r} has no picture: window and camera do not go with it")
    if config.out is not None and config.out.suffix not in ("", ".svg"):
        raise UserError(f"out is {str(config.out)!r}: of {name} there is a run chart, allowed is FILE.svg")
    lot = workers.call(run_lot, policy, seed)
    agent = Path(config.what).stem
    chart = run_chart_svg(lot, f"{name}: {agent}, seed {seed}")
    path = config.out
    if path is None or not path.suffix:
        directory = RunDirectory.create(config.out, f"demo-{name}-{agent}")
        path = directory / "lot.svg"
        lot.ledger.to_jsonl(directory / "ledger.jsonl")
    write_text_atomic(path, chart)
    final = lot.episode.final
    _say(f"seed {seed}: {100 * final['share_good']:.1f} % good parts, {final['cost_per_good_part']:.2f} each")
    for line in lot_lines(lot_qcde([lot.episode.totals])):
        _say(line)
    _say(f"The run chart is {path}" + ("" if config.out == path else ", its ledger beside it"))


def outcome(episode: Episode, fps: float, instruction: str) -> str:
    """Return in one line what came of an episode."""
    word = "done" if episode.success else "not done"
    lengths = {
        key.removesuffix("_m").replace("_", "-"): 1000 * value
        for key, value in episode.final.items()
        if key.endswith("_m") and math.isfinite(value)
    }
    fits = "".join(f", {name} {value:.2f} mm" for name, value in lengths.items())
    return (
        f"seed {episode.seed}: {word} after {episode.n_steps / fps:.2f} s "
        f"({episode.n_steps} steps){fits} - {instruction}"
    )


def _clip_path(out: Path | None, name: str) -> Path:
    """Return the clip's file; its directory exists then."""
    from experiments.run import RunDirectory

    if out is None or not out.suffix or out.is_dir():
        return RunDirectory.create(out, name) / _CLIP
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {str(out.parent)!r}: {error.strerror}") from None
    return out


# --- In a window ---------------------------------------------------------------------------------


def check_display() -> None:
    """Raise `UserError` where no window can be opened: the engine would end the process instead."""
    if sys.platform != "linux":
        return
    import ctypes
    from ctypes.util import find_library

    hint = "leave --window out for a clip"
    name = os.environ.get("DISPLAY", "")
    if not name:
        raise UserError(f"--window needs a display and DISPLAY is not set: {hint}")
    library = find_library("X11")
    if library is None:
        raise UserError(f"--window needs the library libX11, which is not installed: {hint}")
    x11 = ctypes.CDLL(library)
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XOpenDisplay.argtypes = [ctypes.c_char_p]
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    display = x11.XOpenDisplay(None)
    if not display:
        raise UserError(f"--window cannot connect to the display DISPLAY={name!r}: {hint}")
    x11.XCloseDisplay(display)


def show(request: EnvRequest, policy: Policy, seeds: Sequence[int], fps: float) -> None:
    """Show episodes in a window, each step when it is due."""
    from agents.learner import Rollouts
    from experiments.film import Watched
    from experiments.rollout import prepare, run_episode

    env = request.make(render_mode="human")
    texts: list[str] = []
    due = 0.0

    def watch(info: Mapping[str, Any], over: bool) -> None:
        nonlocal due
        text = str(info.get("instruction", ""))
        if due == 0.0:  # just reset
            texts.append(text)
            _say(text)
            due = time.perf_counter()
        due = max(due + 1 / fps, time.perf_counter())  # a slow machine does not hurry afterwards
        time.sleep(max(0.0, due - time.perf_counter()))
        if over:
            time.sleep(_REST_S)

    with until_closed():
        try:
            prepare(policy, env)
            for seed in seeds:
                due = 0.0
                episode = run_episode(Watched(env, watch), Rollouts(policy), seed)
                _say(outcome(episode, fps, texts[-1]))
        finally:
            env.close()


@contextmanager
def until_closed() -> Iterator[None]:
    """End the show where the window is closed: the engine goes with it."""
    try:
        yield
    except Exception as error:
        if "Not connected to physics server" not in str(error):
            raise
        _say("the window was closed")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run_verb(main)
