"""Stands in for `train` in the process of a sweep's run: its name says how it ends.

python -m tests.reliability.stand_in ARGUMENTS...    the verb `train` with it
"""

import json
import math
import os
import signal
import sys
import time
from pathlib import Path

from configs.strict_yaml import read_yaml


def validation(values):
    """What learning comes to: best at a rate of 1e-3 and a batch of 64."""
    return 1.0 - 0.3 * abs(math.log10(values["rate"]) + 3) - 0.2 * (values["batch"] != 64)


def train(arguments, log):
    folder = arguments[-1].removesuffix(".yaml")
    name = os.path.basename(folder)
    if name == "dies" or (name == "dies once" and not os.path.exists(f"{folder}.mark")):
        open(f"{folder}.mark", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "fails" or os.environ.get("FAILS", "no name") in name:
        with open(log, "w") as file:
            file.write("begun\nerror: a mistake\nand more\n")
        sys.exit(2)
    time.sleep(float(os.environ.get("TAKES_S", "0")))
    os.mkdir(folder)
    n_success = 1
    if (config := Path(f"{folder}.yaml")).is_file():
        values = read_yaml(Path(read_yaml(config.read_text(), name)["agent"]).read_text(), name)
        if {"rate", "batch"} <= values.keys():
            best = validation(values)
            rows = ({"success": 0.0}, {"success": best}, {"collect_success": 1.0}, {"success": best - 0.1})
            Path(folder, "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            n_success = int(
                best < 0.7
            )  # who does best in validation fails the test, and must be best all the same
    with open(os.path.join(folder, "summary.json"), "w") as file:
        json.dump({"n_episodes": 1, "n_success": n_success, "success_rate": float(n_success)}, file)


def in_ray(arguments, log):
    """In the process of a task of Ray's: the same."""
    from experiments import sweep_local, sweep_ray

    sweep_local._train = train
    return sweep_ray._train(arguments, log)


if __name__ == "__main__":
    from experiments import sweep_local
    from experiments.errors import run_verb
    from experiments.train import main
    from tests.reliability import stand_in

    sweep_local._train = stand_in.train  # it travels by its name
    run_verb(lambda: main(sys.argv[1:]))
