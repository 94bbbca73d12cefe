"""The run chart of a lot, and how `demo` leaves it."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import envs
from experiments import demo
from experiments.config import UserError
from experiments.run_chart import control_limits


def test_control_limits_are_those_of_the_individuals_chart():
    """X +- 2.66 mean moving range; of normal values they lie at 3 standard deviations."""
    lower, mean, upper = control_limits((1.0, 3.0, 2.0, 6.0))
    reach = 2.66 * (2 + 1 + 4) / 3
    assert mean == 3.0
    assert (upper - mean, mean - lower) == pytest.approx((reach, reach), rel=1e-3)
    values = tuple(np.random.default_rng(0).normal(5.0, 2.0, 20_000))
    assert control_limits(values) == pytest.approx((-1.0, 5.0, 11.0), abs=0.1)
    with pytest.raises(ValueError, match="at least 2"):
        control_limits((1.0,))


@pytest.mark.parametrize("env_id", envs.PROCESS_IDS)
def test_demo_of_a_lot_is_its_run_chart(env_id, tmp_path, capsys):
    task = env_id.removeprefix("Monozukuri/").removesuffix("-v0")
    out = tmp_path / "lot.svg"
    assert demo.main(["machinist", "--task", task, "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    for word in ("control limits", "tolerance", "machinist"):
        assert word in text
    assert "good parts" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "words"), [(["--out", "x.webp"], "allowed is FILE.svg"), (["--camera", "cell"], "no picture")]
)
def test_a_lot_cannot_be_filmed(flags, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words):
        demo.main(["machinist", "--task", "TurnShafts", *flags])
    assert not list(tmp_path.iterdir())
