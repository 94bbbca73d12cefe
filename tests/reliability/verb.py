"""Runs `train` on the stand-in as its command line does, with checkpoints at every chance.

python -m tests.reliability.verb FAULT ARGUMENTS...    FAULT is none, or AT:ERRNO:PATH, see `faults.Faults`
"""

import sys

from experiments.errors import run_verb
from experiments.session import TrainSession
from experiments.train import main
from tests.reliability.faults import Faults

if __name__ == "__main__":
    TrainSession.__init__.__kwdefaults__["checkpoint_s"] = 0.0
    fault, *arguments = sys.argv[1:]
    if fault != "none":
        at, how, only = fault.split(":")
        Faults(int(at), how, only).__enter__()
    run_verb(lambda: main(arguments))
