"""A training that is killed at any moment and goes on leaves the bits of one that was not."""

import json
import subprocess
import sys

import pytest

from experiments.guard import ROOT
from tests.reliability.killing import series

SLOW = pytest.mark.slow


def report(agent, folder, *arguments):
    command = [sys.executable, "-m", "tests.reliability.killing", agent, str(folder), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


# SAC without hindsight is the one that is killed most often, by decree; the others share its machinery.
# A learner that is new in the catalog joins the series by itself.
@pytest.mark.parametrize(
    ("agent", "n"),
    [("sac", 2), pytest.param("sac", 50, marks=SLOW),
     *(pytest.param(name, 5, marks=SLOW) for name in series() if name != "sac")],
)  # fmt: skip
def test_killed_at_random_moments(agent, n, tmp_path):
    found = report(agent, tmp_path, "--kills", str(n))
    assert found["kills"] >= n
    assert found["same"], found


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["bc", "sac her"])
def test_killed_inside_every_call_to_the_disk(agent, tmp_path):
    found = report(agent, tmp_path, "--every-call")
    assert found["kills"] >= 40
    assert found["same"], found
