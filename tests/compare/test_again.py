"""A study's shifts are worked again, and every ledger and figure that was changed is told."""

import json
import sys
from importlib.util import find_spec

import pytest
from cell import mode_file

from experiments.compare import main
from experiments.comparison.again import MATCH, MISMATCH, difference
from experiments.errors import UserError


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("again")
    modes = [str(mode_file(folder, name)) for name in ("manual", "automated")]
    assert main(arguments(modes, folder / "out", "--workers", "1")) == 0
    return folder / "out"


def arguments(modes, out, *more):
    return [
        "--modes",
        *modes,
        "--shifts",
        "2",
        "--hours",
        "1",
        "--no-equal-staffing",
        "--out",
        str(out),
        *more,
    ]


@pytest.fixture
def kept(study):
    """Puts every file back as it was."""
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    yield study
    for path, data in before.items():
        path.write_bytes(data)


def verify(study, *more):
    return main(["--verify", str(study / "compare.json"), "--workers", "1", *more])


def told(capsys):
    return capsys.readouterr().out.splitlines()


def test_all_shifts_and_figures_match(study, capsys):
    assert verify(study, "--sample", "99") == MATCH
    said = told(capsys)
    assert [line.partition(",")[0] for line in said[:2]] == [
        "match    manual with small",
        "match    automated with small",
    ]
    assert said[-2:] == ["match    figures of all 4 ledgers", "5 of 5 match"]


def test_a_sample_is_drawn_by_its_seed(study, capsys):
    said = []
    for seed in (0, 0, 1):
        assert verify(study, "--sample", "1", "--seed", str(seed)) == MATCH
        said.append(told(capsys))
        assert len(said[-1]) == 3
    assert said[0] == said[1]
    assert said[2][0] != said[0][0]


def test_one_number_in_a_ledger_is_a_mismatch(kept, capsys):
    ledger = sorted((kept / "ledgers").rglob("*.jsonl"))[0]
    lines = ledger.read_text().splitlines()
    event = json.loads(lines[-1])
    event["time_s"] += 1.0
    ledger.write_text("\n".join([*lines[:-1], json.dumps(event)]) + "\n")
    assert verify(kept, "--sample", "99") == MISMATCH
    (bad,) = [line for line in told(capsys) if line.startswith("MISMATCH") and "ledgers" not in line]
    assert f"line {len(lines)} was " in bad


def test_a_figure_that_the_ledgers_do_not_lead_to_is_a_mismatch(kept, capsys):
    file = kept / "compare.json"
    data = json.loads(file.read_text())
    data["modes"]["manual"]["cost"]["cost_per_good_part"]["mean"] -= 0.5
    file.write_text(json.dumps(data))
    assert verify(kept) == MISMATCH
    said = told(capsys)
    assert [line for line in said if line.startswith("MISMATCH figures of all 4 ledgers")]
    assert any("cost_per_good_part.mean" in line for line in said)


@pytest.mark.parametrize(("off", "code"), [(1e-9, MATCH), (1.0, MISMATCH)])
def test_what_other_versions_made_is_told_and_may_be_off_by_rounding(off, code, kept, capsys):
    file = kept / "ledgers" / "study.json"
    data = json.loads(file.read_text())
    data["made_by"][0]["versions"]["numpy"] = "1.99.0"
    data["modes"]["manual"] = "another one's hash"
    file.write_text(json.dumps(data))
    for ledger in sorted((kept / "ledgers").rglob("*.jsonl")):
        first, *rest = ledger.read_text().splitlines()
        event = json.loads(rest[-1])
        event["time_s"] += off
        ledger.write_text("\n".join([first, *rest[:-1], json.dumps(event)]) + "\n")
    assert verify(kept, "--sample", "1") == code
    said = [line for line in told(capsys) if line.startswith("differs")]
    assert any("versions.numpy 1.99.0, now" in line for line in said)
    assert any("modes.manual another one's hash, now" in line for line in said)


def test_what_goes_on_with_other_versions_names_both(kept, capsys):
    file = kept / "ledgers" / "study.json"
    data = json.loads(file.read_text())
    config = data["config"]
    data["made_by"][0]["versions"]["pybullet"] = "2.0"
    file.write_text(json.dumps(data))
    sorted((kept / "ledgers").rglob("*.jsonl"))[0].unlink()
    main([*arguments(config["modes"], kept)[:-2], "--resume", str(kept), "--workers", "1"])
    capsys.readouterr()
    assert [by["versions"]["pybullet"] == "2.0" for by in json.loads(file.read_text())["made_by"]] == [
        True,
        False,
    ]
    assert verify(kept, "--sample", "1") == MATCH
    assert "versions.pybullet 2.0, now" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "cannot read"), ("{", "is damaged"), ("[]", "compare.json is needed"),
     ('{"manifest": 3}', "compare.json is needed")],
)  # fmt: skip
def test_what_cannot_be_verified_says_why_in_one_line(text, message, tmp_path):
    file = tmp_path / "compare.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        main(["--verify", str(file)])
    assert "\n" not in str(caught.value)


def test_a_result_without_its_ledgers_cannot_be_verified(study, tmp_path):
    (tmp_path / "compare.json").write_bytes((study / "compare.json").read_bytes())
    with pytest.raises(UserError, match="its ledgers are gone"):
        verify(tmp_path)


def test_the_first_difference_is_named():
    one = '{"time_s": 1.0, "data": {"a": [1, 2]}}\n{"time_s": 2.0}\n'
    assert difference(one, one, strict=True) == ""
    near = one.replace("2.0", "2.0000000001")
    assert difference(one, near, strict=True).startswith("line 2 was ")
    assert difference(one, near, strict=False) == ""
    assert difference(one, one.replace("[1, 2]", "[1, 3]"), strict=False).startswith("line 1 was ")
    assert difference(one, one.splitlines()[0], strict=False) == "2 events, now 1"


@pytest.mark.slow
def test_ray_works_the_same_bits(study, tmp_path):
    if find_spec("ray") is None:
        pytest.skip("could not import 'ray'")
    config = json.loads((study / "ledgers" / "study.json").read_text())["config"]
    assert main(arguments(config["modes"], tmp_path / "ray", "--executor", "ray", "--workers", "2")) == 0
    for path in sorted((study / "ledgers").rglob("*")):
        if path.is_file():
            assert (tmp_path / "ray" / path.relative_to(study)).read_bytes() == path.read_bytes()
    assert "ray" in sys.modules
