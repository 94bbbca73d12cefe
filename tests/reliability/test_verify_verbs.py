"""Every verb that leaves results can run a sample of them again: 0 the same, 1 a mismatch, 2 a mistake."""

import json
import sys
from pathlib import Path

import pytest

import experiments.pool
import experiments.verify
from experiments import benchmark, collect, compare, evaluate
from experiments.errors import run_verb
from tests.bench import LocalPool

sys.path.insert(0, str(Path(__file__).parents[1] / "compare"))
from cell import mode_file


def evaluated(folder):
    evaluate.main(["random", "--task", "Reach", "--episodes", "2", "--workers", "1", "--out", str(folder)])
    return folder / "evaluation.json"


def benchmarked(folder):
    what = ["handbook", "--task", "TurnShafts", "--splits", "seen", "--episodes", "2"]
    benchmark.main([*what, "--workers", "1", "--out", str(folder)])
    return folder / "benchmark.json"


def collected(folder):
    collect.main(
        ["--task", "Reach", "--episodes", "1", "--cameras", "", "--workers", "1", "--out", str(folder)]
    )
    return folder


def compared(folder):
    mode = mode_file(folder, "manual")
    compare.main(["--modes", str(mode), "--shifts", "1", "--hours", "0.5", "--no-equal-staffing",
                  "--workers", "1", "--out", str(folder / "out")])  # fmt: skip
    return folder / "out" / "compare.json"


# The verb, what makes a result, the file in which something is changed, and what.
VERBS = {
    "evaluate": (evaluate, evaluated, "", lambda data: data["episodes"]["steps"].__setitem__(0, 1)),
    "benchmark": (benchmark, benchmarked, "",
                  lambda data: data["episodes"][0]["episodes"]["return"].__setitem__(0, 0.0)),
    "collect": (collect, collected, "meta/monozukuri.json",
                lambda data: data["episodes"][0].update(seed=7)),
    "compare": (compare, compared, "",
                lambda data: data["modes"]["manual"]["cost"]["cost_per_good_part"].update(mean=1.0)),
}  # fmt: skip


def code(module, *arguments):
    with pytest.raises(SystemExit) as end:
        run_verb(lambda: module.main([str(argument) for argument in arguments]))
    return end.value.code


def edited(file, change):
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


@pytest.mark.parametrize("verb", VERBS)
def test_exit_codes_say_the_same_a_mismatch_or_a_mistake(verb, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(experiments.pool, "Pool", LocalPool)
    monkeypatch.setattr(experiments.verify, "Pool", LocalPool)
    module, make, inner, change = VERBS[verb]
    result = make(tmp_path)
    file = result / inner if inner else result
    capsys.readouterr()

    assert code(module, "--verify", result, "--workers", "1") == 0
    said = capsys.readouterr().out
    assert "match" in said
    assert "differs" not in said

    makers = tmp_path / "out" / "ledgers" / "study.json" if verb == "compare" else file
    text = makers.read_text()
    (version,) = {found["numpy"] for found in numpys(json.loads(text))}
    makers.write_text(text.replace(f'"numpy": "{version}"', '"numpy": "1.99.0"'))
    assert code(module, "--verify", result, "--workers", "1") == 0
    assert f"numpy 1.99.0, now {version}" in capsys.readouterr().out
    makers.write_text(text)

    edited(file, change)
    assert code(module, "--verify", result, "--workers", "1") == 1
    assert "mismatch" in capsys.readouterr().out.lower()

    assert code(module, "--verify", tmp_path / "none", "--workers", "1") == 2
    told = capsys.readouterr()
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    assert code(module, "--verify", result, "--sample", "0") == 2


def numpys(data):
    """All mappings in a result that name NumPy's version."""
    if isinstance(data, dict):
        return [
            *([data] if "numpy" in data else []),
            *(found for part in data.values() for found in numpys(part)),
        ]
    return [found for part in data for found in numpys(part)] if isinstance(data, list) else []
