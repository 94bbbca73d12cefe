"""Processes that die: their work is done again, or one line says what to do."""

import os
import signal

import numpy as np
import pytest

from agents.learner import Rollouts
from experiments.errors import UserError
from experiments.evaluation import evaluate_policy
from experiments.executor import Workers
from experiments.outcomes import table_line
from experiments.rollout import EnvRequest
from tests.reliability.dying import DiesAlways, DiesOnce

REQUEST = EnvRequest("tests.learning.standin:StandIn-v0")
FIRST = 2000  # of the stand-in's test seeds


def test_episodes_of_a_killed_worker_are_run_again_and_the_report_says_it(tmp_path):
    mark, heard = tmp_path / "died", []
    with Workers(REQUEST, 2) as workers:
        disturbed, episodes = evaluate_policy(DiesOnce(FIRST + 9, mark), workers, 24, 0, heard.extend)
        assert mark.exists()
        assert workers.n_died == 1
        again, same = evaluate_policy(DiesOnce(FIRST + 9, mark), workers, 24, 0)
    assert episodes == same
    assert sorted(e.seed for e in heard) == [e.seed for e in episodes] == list(range(FIRST, FIRST + 24))
    assert disturbed["workers_died"] == 1
    assert "died 1 times; their episodes were run again" in table_line("a", disturbed)
    assert "workers_died" not in again
    assert "died" not in table_line("a", again)


def test_what_kills_every_process_ends_in_one_line():
    with Workers(REQUEST, 1) as workers, pytest.raises(UserError, match=r"died 3 times .*--workers"):
        workers.submit(Rollouts(DiesAlways()), range(4)).result()


def test_a_worker_killed_while_nobody_waits():
    with Workers(REQUEST, 1) as workers:
        first = workers.facts().split_hash
        for process in list(workers._pool._processes.values()):
            os.kill(process.pid, signal.SIGKILL)
            process.join()
        done = workers.submit(Rollouts(DiesOnce(-1, "")), range(3)).result()
        assert [e.seed for e in done] == [0, 1, 2]
        assert workers.n_died == 1
        assert first is None


def test_a_killed_environment_of_a_learner_is_one_line():
    from experiments.vec_env import WorkerVecEnv

    vector = WorkerVecEnv(REQUEST, 2, 2, 3)
    try:
        vector.reset()
        vector.step(np.zeros((2, 5), np.float32))
        os.kill(vector._processes[1].pid, signal.SIGKILL)
        vector._processes[1].join()
        with pytest.raises(UserError, match=r"worker process died .*--resume"):
            vector.step(np.zeros((2, 5), np.float32))
    finally:
        vector.close()
