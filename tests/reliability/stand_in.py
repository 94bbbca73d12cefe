"""Stands in for `train` in the process of a sweep's run: its name says how it ends."""

import json
import os
import signal
import sys


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
    os.mkdir(folder)
    with open(os.path.join(folder, "summary.json"), "w") as file:
        json.dump({"n_episodes": 1, "n_success": 1, "success_rate": 1.0}, file)
