"""Trains in forked processes that are killed (-9), and says whether the bits are those of a whole run.

    python -m tests.reliability.killing AGENT FOLDER --kills N      at random moments
    python -m tests.reliability.killing AGENT FOLDER --every-call   inside every write, fsync and rename

The libraries are imported once; a process is forked for each attempt. Prints a JSON object.
"""

import argparse
import dataclasses
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from agents import catalog
from agents.imitation import Bc, Dagger, ImitationHyper
from agents.learner import Learner
from agents.policy import Policy
from agents.rl import Ppo, PpoHyper, Sac, SacHyper, Tqc
from tests.learning import local
from tests.reliability.faults import Faults, in_a_child

SMALL = (16, 16)
N_STEPS = {
    "bc": 900, "dagger": 900, "ppo": 768, "ppo with a start": 1000,
    "sac": 800, "sac her": 800, "tqc": 800, "tqc her": 800,
}  # fmt: skip
# What makes an agent learn little, by the names of hyper-parameters: it takes those that it has.
LITTLE = {
    "updates": 40, "batch": 4, "width": 16, "deep": 16, "blocks": 1, "words": 16, "threads": 1, "half": False,
}  # fmt: skip

# Of a training that is killed in every call: three checkpoints are enough for the last two to be kept.
FEW = 0.5


def series():
    """The agents that are killed: those above in their variants, and every other learner of the catalog."""
    learners = [name for name in catalog.names() if issubclass(catalog.kind(name), Learner)]
    return [*N_STEPS, *(name for name in learners if name not in N_STEPS)]


def little(name):
    """A learner of the catalog that learns from demonstrations, made small."""
    names = {f.name for f in dataclasses.fields(catalog.kind(name).hyper_class)}
    return catalog.create(name, "LoadChuck", hyper={k: v for k, v in LITTLE.items() if k in names})


def run(name, here, out, *, resume=False, share=1.0):
    """Learn, for a share of the steps; what is shown is shared by all runs."""
    agent = make(name, here)
    if name in N_STEPS:
        local.run(agent, out, int(share * N_STEPS[name]), resume=resume)
        return
    shown = here / "shown"
    if not shown.exists():
        local.show(shown, agent.demonstrations(quick=True))
    local.run(
        agent,
        out,
        int(share * agent.default_steps()),
        resume=resume,
        workers=local.ShownWorkers(),
        demos=shown,
    )


def make(name, folder):
    """An agent that learns little, and is soon done with it."""
    if name not in N_STEPS:
        return little(name)
    teacher, first = folder / "teacher.yaml", folder / "first.yaml"
    teacher.write_text("class: tests.learning.standin:StandInExpert\n")
    first.write_text(f"class: agents.imitation:Dagger\nteacher: {teacher}\nhidden: [16, 16]\n")
    imitation = ImitationHyper(teacher=str(teacher), hidden=SMALL, validate_every=2)
    ppo = {"n_envs": 4, "horizon": 16, "segment": 2, "batch": 64, "epochs": 2, "hidden": SMALL,
           "validate_every": 2}  # fmt: skip
    start = {"start": str(first), "start_steps": 500, "warm_up": 1, "target_kl": 0.02}
    kind, _, her = name.partition(" ")
    if kind in ("sac", "tqc"):
        sac = SacHyper(n_envs=4, her=bool(her), reward="sparse" if her else "dense", segment=40, warm_up=200,
                       batch=32, updates=1, buffer=600, hidden=SMALL)  # fmt: skip
        return {"sac": Sac, "tqc": Tqc}[kind](sac)
    if kind == "ppo":
        return Ppo(PpoHyper(**ppo, **(start if name != "ppo" else {})))
    return {"bc": Bc, "dagger": Dagger}[kind](imitation)


def left_by(folder):
    """What a run leaves: the curve and every bit of the policy."""
    policy = Policy.load(folder / "policy")
    weights = {name: array.tobytes().hex() for name, array in policy.state()[1].items()}
    return (folder / "metrics.jsonl").read_text(), weights


def start(name, here, out, *, resume, share=1.0):
    """Fork a process that trains; return its id."""
    child = os.fork()
    if child == 0:
        try:
            run(name, here, out, resume=resume, share=share)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(99)
        os._exit(0)
    return child


def ended(child, within_s):
    """Whether a process ends by itself within so long; else it is killed."""
    limit = time.monotonic() + within_s
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            assert os.waitstatus_to_exitcode(status) == 0, status
            return True
        if time.monotonic() >= limit:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.002)


def killed_at_random(name, here, n_kills):
    """Kill runs until there were so many kills; all of them have to end with the bits of a whole one."""
    began = time.monotonic()
    assert ended(start(name, here, here / "whole", resume=False), 600)
    whole_s = time.monotonic() - began
    whole, rng = left_by(here / "whole"), random.Random(name)
    kills, runs, same = 0, 0, True
    while kills < n_kills:
        out, runs, over = here / f"run {runs}", runs + 1, False
        while not over:
            # Half of the attempts come far, half of them nowhere.
            left = rng.uniform(0.0, whole_s) if kills < n_kills else 600
            over = ended(start(name, here, out, resume=out.exists()), left)
            kills += not over
        same = same and left_by(out) == whole
    return {"agent": name, "kills": kills, "runs": runs, "same": same, "whole_s": round(whole_s, 2)}


def killed_in_every_call(name, here):
    """Kill a run before each of its calls, and torn in the middle of its writes."""
    with Faults() as faults:  # the count is that of a whole run
        run(name, here, here / "whole", share=FEW)
    whole, same, kills = left_by(here / "whole"), True, 0
    for at, call in enumerate(faults.names, 1):
        out = here / f"call {at}"

        def stopped(out=out, at=at, call=call):
            with Faults(at, "tear" if call == "write" else "kill"):
                run(name, here, out, share=FEW)

        assert in_a_child(stopped) == -signal.SIGKILL
        kills += 1
        assert ended(start(name, here, out, resume=out.exists(), share=FEW), 600)
        same = same and left_by(out) == whole
    return {"agent": name, "kills": kills, "same": same}


def main():
    """Do what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("agent", choices=series())
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--every-call", action="store_true")
    given = parser.parse_args()
    found = (killed_in_every_call(given.agent, given.folder) if given.every_call
             else killed_at_random(given.agent, given.folder, given.kills))  # fmt: skip
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    # A parent that has started no threads of its own may be forked.
    import sb3_contrib  # noqa: F401 (imported once for all)
    import torch
    import torch._dynamo

    import agents.sb3  # noqa: F401

    torch.set_num_threads(1)
    main()
