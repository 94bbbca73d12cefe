import sys

import pytest
from killer import squares

from experiments.comparison.pool import run_jobs
from experiments.errors import UserError


def collect(jobs, workers, executor="processes"):
    found = {}
    run_jobs(squares, jobs, workers, lambda job, result: found.__setitem__(job[0], result), executor)
    return found


def test_a_dead_worker_costs_nothing_but_time(tmp_path):
    marker = str(tmp_path / "died")
    jobs = [(n, marker, False) for n in range(5)]
    assert collect(jobs, 2) == {n: n * n for n in range(5)}
    assert (tmp_path / "died").exists()


def test_a_job_that_always_kills_is_told_in_one_line(tmp_path):
    with pytest.raises(UserError, match="workers died 3 times without finishing a job"):
        collect([(2, str(tmp_path / "died"), True), (2, str(tmp_path / "died"), True)], 2)


def test_ray_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # as where it is not installed
    with pytest.raises(UserError, match="Ray is not installed"):
        collect([(1, "", False)], 1, "ray")
