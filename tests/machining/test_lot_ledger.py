"""The ledger of a lot: it balances, and the figures from it are what the environment itself counted."""

import gymnasium
import numpy as np
import pytest

import envs
from agents import catalog
from envs.accounts import time_elements
from envs.balance import check_balance
from envs.ledger import Ledger
from experiments.benchmark import Config, benchmark
from experiments.lot_books import lot_qcde, lot_totals

SPLIT = "unseen-material"  # harder: edges go and chips jam
AGENTS = ("handbook", "machinist", "careless")


def action_of(agent, env, observation, step):
    if agent != "careless":
        return catalog.create(agent, env.spec.name).act(observation)
    return np.random.default_rng([7, step]).uniform(-1, 1, 8)


def lot(task, agent, seed=5):
    env = gymnasium.make(task, split=SPLIT, observation="signals")
    observation, _ = env.reset(seed=seed)
    over, actions, spent, kwh = False, [], 0.0, 0.0
    while not over:
        actions.append(action_of(agent, env, observation, len(actions)))
        observation, _, _, over, info = env.step(actions[-1])
        kwh += info["energy_kwh"]
        spent += sum(info[f"cost_{k}"] for k in ("machine", "labour", "tool", "energy", "blank", "escape"))
    return env, actions, spent, kwh


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("task", envs.PROCESS_IDS)
def test_a_lot_balances_and_costs_what_the_environment_says(task, agent):
    env, _, spent, kwh = lot(task, agent)
    bare, ledger = env.unwrapped, env.unwrapped.ledger
    process, batch = bare.process, bare.batch
    assert check_balance(ledger, [process.machine]) == []
    sums = lot_totals(env.unwrapped.ledger, env.unwrapped.process)
    assert sums.costs.total == pytest.approx(spent, rel=1e-9)
    assert sums.energy_kwh == pytest.approx(kwh, rel=1e-9)
    assert sums.times.calendar_s == pytest.approx(60.0 * batch.minutes[0], rel=1e-9)
    assert sums.parts.entered == sums.parts.produced == process.n_parts == sums.cycles
    assert sums.escaped == batch.n_escaped[0]
    assert sums.parts.good - sums.escaped == batch.n_good[0]
    figures = lot_qcde([sums, sums])
    once = lot_qcde([sums])
    assert figures["cost"]["cost_per_good_part"] == pytest.approx(once["cost"]["cost_per_good_part"])
    assert once["quality"]["first_pass_yield"] == sums.parts.good / process.n_parts
    if agent == "careless":
        assert sums.edges > 0
        assert ledger.count("alarm") == ledger.count("alarm_cleared") > 0
        assert time_elements(ledger, process.machine).aust_s > 0


@pytest.mark.parametrize("task", envs.PROCESS_IDS)
def test_a_lane_that_is_recorded_leaves_the_ledger_of_a_single_machine(task, tmp_path):
    env, actions, *_ = lot(task, "careless", seed=6)
    many = gymnasium.make_vec(task, num_envs=5, split=SPLIT, recorded=(1,))
    many.reset(seed=5)
    for action in actions:
        many.step(np.tile(action, (5, 1)))
    ledger = many.unwrapped.ledgers[1]
    assert list(many.unwrapped.ledgers) == [1]
    assert ledger == env.unwrapped.ledger
    ledger.to_jsonl(tmp_path / "lot.jsonl")
    assert Ledger.from_jsonl(tmp_path / "lot.jsonl") == ledger
    env.reset(seed=1)
    assert len(env.unwrapped.ledger) < 10  # a new lot, a new ledger


def test_lanes_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="recorded has lane 4: allowed are 0 to 3"):
        gymnasium.make_vec(envs.PROCESS_IDS[0], num_envs=4, recorded=(4,))


def test_rows_of_a_benchmark_carry_the_figures():
    config = Config(("handbook", "machinist"), "TurnShafts", ("nominal",), episodes=4, workers=1)
    rows = benchmark(config)["rows"]
    for row in rows:
        assert {"quality", "cost", "delivery", "environment", "iso22400"} <= set(row["qcde"])
        assert row["qcde"]["quality"]["cpk"] is not None
        assert row["qcde"]["environment"]["kwh_per_good_part"] > 0
    first, second = (row["qcde"]["quality"]["cpk"] for row in rows)
    assert first < second  # who never looks makes parts that drift
