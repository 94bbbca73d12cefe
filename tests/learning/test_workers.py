"""Worker processes end with nothing left that could disturb the end of the interpreter."""

import threading

import pytest

from experiments.executor import Workers
from experiments.rollout import EnvRequest


def test_closing_waits_for_the_pools_own_thread():
    """It would close its pipe while the interpreter, ending, still writes to it."""
    workers = Workers(EnvRequest("TurnShafts", {"split": "seen"}), 1)
    assert workers.facts().max_steps == 64
    late = threading.Timer(0.3, lambda: None)
    late.start()
    manager, workers._pool._executor_manager_thread = workers._pool._executor_manager_thread, late
    workers.close()
    assert not late.is_alive()
    manager.join(5)
    assert not manager.is_alive()


@pytest.mark.parametrize("task", ["TurnShafts", "MillPockets"])
def test_what_cannot_be_filmed_says_so(task):
    with Workers(EnvRequest(task, {"split": "seen"}), 1) as workers:
        assert workers.facts().pictures is False
