"""What a folder outside the packages adds keeps the contract; `docs/extend.md` walks through this test.

`tests/extension` stands for the user's folder: a task, an arm, a part family, a factor, an agent, a
lot of parts with its machine tool, material and region. The
contract tests run on it as they are, in a process of their own: it has to be named before any import.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from configs import extensions
from envs.cell.factor import drawn

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "tests" / "extension"
MAX_LINES = 150
# The quick ones: the new task with the usual arm and the new one, the new arm, and that our bits stay.
QUICK = (
    "TurnPart and not (gp8 or kr6r900 or panda or ur10e or careless or strongest or dummy_vectors"
    " or hand_moves and lrmate200id)"
    " or irb120 and (limits or solves and LoadChuck)"
    " or test_golden and (PickPart or left_over)"
)
FACTS = """
import json, sys
import envs
light = not {"torch", "pybullet"} & set(sys.modules) and "envs.cell.tasks.turn_part" not in sys.modules
import gymnasium, robots
from agents import catalog
from envs.cell.parts import families
from envs.cell.variation import FACTORS, split
turn, pick = (gymnasium.make(f"Monozukuri/{n}-v0").unwrapped for n in ("TurnPart", "PickPart"))
draws = []
for seed in (0, 1, 0):
    turn.reset(seed=seed)
    draws.append(turn.cell.draw.extra["turn_deg"])
print(json.dumps({
    "light": light, "ids": envs.CELL_IDS, "arms": robots.ARMS, "agents": catalog.names(),
    "families": list(families()), "factors": list(FACTORS), "draws": draws,
    "hashes": [turn.split_sha256, pick.split_sha256, split("seen").sha256],
}))
"""


LOT = """
import json
import envs, gymnasium
from agents import catalog
from envs.machining import library
from envs.prices import names
from experiments.lot_books import setting_of
env = gymnasium.make("Monozukuri/TurnStuds-v0", observation="signals")
observation, _ = env.reset(seed=1)
agent, over = catalog.create("machinist", "TurnStuds"), False
while not over:
    observation, _, _, over, info = env.step(agent.act(observation))
bare = env.unwrapped
print(json.dumps({
    "ids": envs.PROCESS_IDS, "parts": bare.ledger.count("cycle_end"), "good": info["share_good"],
    "materials": list(library.materials()), "machines": list(library.machines()), "regions": names("regions"),
    "labour": bare.process.prices.labour_per_h, "region": setting_of(bare.process).region.name,
    "rpm": bare.process.machine_spec.spindle.max_rpm, "kc11": bare.process.kienzle.kc11,
    "lanes": gymnasium.make_vec("Monozukuri/TurnStuds-v0", num_envs=3).num_envs,
}))
"""


def python(folders, *arguments):
    """Run Python in the project with folders from outside; returns what it did."""
    named = os.pathsep.join(map(str, folders))
    variables = {extensions.VARIABLE: named, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=os.environ | variables,
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_each_addition_is_short():
    for path in EXAMPLE.rglob("*"):
        if path.suffix in (".py", ".yaml"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES, path


def test_the_contract_holds_for_what_is_added():
    done = python([EXAMPLE], "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", "-k", QUICK,
                  "tests/contract")  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    n_passed = int(done.stdout.split(" passed")[0].split()[-1])
    assert n_passed >= 45, done.stdout[-4000:]


def test_what_is_added_is_listed():
    done = python([EXAMPLE], "-c", FACTS)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["light"]
    assert facts["ids"][-1] == "Monozukuri/TurnPart-v0"
    for kind, name in (("arms", "irb120"), ("agents", "calm"), ("families", "plug"), ("factors", "turn_deg")):
        assert facts[kind][-1] == name
    first, second, again = facts["draws"]
    assert first == again != second
    assert all(15.0 <= value <= 40.0 for value in facts["draws"])
    # Results of a task that draws the factor tell of it, others are as without.
    turn, pick, seen = facts["hashes"]
    assert turn != pick == seen


def test_a_lot_from_outside_is_turned_on_a_machine_from_outside():
    done = python([EXAMPLE], "-c", LOT)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["ids"][-1] == "Monozukuri/TurnStuds-v0"
    for kind, name in (
        ("materials", "free_cutting_steel"), ("machines", "bench_lathe"), ("regions", "atlantis")
    ):  # fmt: skip
        assert facts[kind][-1] == name
    assert (facts["labour"], facts["region"], facts["rpm"], facts["kc11"]) == (50.0, "Atlantis", 3000, 1500)
    assert (facts["parts"], facts["lanes"]) == (16, 3)
    assert facts["good"] > 0.8


def test_a_new_agent_does_a_new_task_with_a_new_arm(tmp_path):
    done = python([EXAMPLE], "-m", "experiments.evaluate", "calm", "--task", "TurnPart", "--robot", "irb120",
                  "--episodes", "4", "--out", str(tmp_path))  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "evaluation.json").read_text())
    assert result["n_success"] >= 3
    assert (result["task"], result["robot"], result["agent"]) == ("TurnPart", "irb120", "calm")
    assert len(result["manifest"]["split_hash"]) == 64


def test_a_draw_from_outside_leaves_all_others_as_they_are():
    rng, twin = np.random.default_rng(3), np.random.default_rng(3)
    one = drawn({"turn_deg": (0.0, 1.0)}, rng)
    assert rng.random() == twin.random()
    two = drawn({"other": (0.0, 1.0), "turn_deg": (0.0, 1.0)}, np.random.default_rng(3))
    assert two["turn_deg"] == one["turn_deg"] != two["other"]


# --- What can be wrong ---------------------------------------------------------------------------

FACTOR = "unit: mm\nmeaning: x\nlowest: 0\nhighest: 1\nranges: {nominal: [0, 0], seen: [0, 1]}\n"
PLUG = (EXAMPLE / "parts" / "plug.yaml").read_text(encoding="utf-8")
TASK = "from envs.cell.task import Task\nclass Halt(Task):\n    name = 'Halt'\n"
RUN = {"task": "Reach", "agent": "expert", "robot": "panda"}
BORE = {"task": "Bore", "agent": "handbook", "robot": "lrmate200id"}
STUDS = (EXAMPLE / "processes" / "turn_studs.yaml").read_text(encoding="utf-8")
LOST = STUDS.replace("bench_lathe", "lath").replace("atlantis", "us").replace("free_cutting", "mild")
WRONG = [
    ("tasks/reach.py", "", {}, "'reach' is built in; another name is needed"),
    ("tasks/Turn-Part.py", "", {}, "small letters, digits and underscores"),
    ("tasks/halt.py", "def\n", {"task": "Halt"}, "SyntaxError: invalid syntax (halt.py, line 1)"),
    ("tasks/halt.py", "", {"task": "Halt"}, "a class Halt(Task) with name = 'Halt' is needed"),
    ("tasks/halt.py", TASK, {"task": "Halt"}, "Halt lacks achieved, desired, plan, terms"),
    ("arms/gp8.py", "", {}, "'gp8' is built in"),
    ("arms/_degrees.py", "", {}, "'_degrees' is built in"),
    ("arms/r1.py", "SPEC = 1\n", {"robot": "r1"}, "SPEC must be an ArmSpec named 'r1'"),
    ("machines/vertical_lathe.py", "", {}, "'vertical_lathe' is built in"),
    ("parts/ring.yaml", PLUG, {"task": "PickPart"}, "'ring' is built in"),
    ("parts/cap.yaml", PLUG.replace("plug", "ring"), {"task": "PickPart"}, "word 'ring' is that of ring"),
    ("parts/cap.yaml", PLUG + "colour: red\n", {"task": "PickPart"}, "unknown key 'colour'"),
    ("parts/cap.yaml", PLUG.replace("medium", "middle"), {"task": "PickPart"}, "medium, large are needed"),
    ("factors/light_deg.yaml", FACTOR, {}, "'light_deg' is built in"),
    ("factors/x.yaml", FACTOR + "colour: red\n", {}, "unknown key 'colour': allowed are unit, meaning"),
    ("factors/x.yaml", FACTOR + "unit: mm\n", {}, "x.yaml:6: key 'unit' is given twice"),
    ("factors/x.yaml", FACTOR.replace("seen: [0, 1]", "seen: [0, 2]"), {}, "allowed are 0.0 to 1.0 mm"),
    ("factors/x.yaml", FACTOR.replace("seen", "sen"), {}, "ranges: 'seen' is missing"),
    ("agents/policy.py", "", {}, "'policy' is built in"),
    ("agents/expert.yaml", "class: agents.expert:Expert\n", {}, "'expert' is built in"),
    ("agents/a.yaml", "clas: agents.a:A\n", {"agent": "a"}, "key 'class' is missing"),
    ("agents/a.yaml", "class: agents.expert:Expert\npace: 1\n", {"agent": "a"}, "unknown key 'pace'"),
    ("processes/turn_shafts.yaml", "", {}, "'turn_shafts' is built in"),
    ("processes/load_chuck.yaml", "", {}, "'load_chuck' is built in"),
    ("processes/bore.yaml", LOST, BORE, "did you mean 'lathe'?"),
    ("materials/brass.yaml", "", BORE | {"task": "TurnShafts"}, "'brass' is built in"),
    ("task/halt.py", TASK, {}, "unknown folder; did you mean 'tasks'?"),
    ("notes/a.txt", "", {}, "holds none of the folders tasks, arms"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "run", "told"), WRONG, ids=[f"{w[0]}-{w[3][:20]}" for w in WRONG])
def test_a_mistake_is_one_clear_line_that_names_the_file(tmp_path, name, text, run, told):
    path = tmp_path / name
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    run = RUN | run
    done = python([tmp_path], "-m", "experiments.evaluate", run["agent"], "--task", run["task"],
                  "--robot", run["robot"], "--episodes", "1", "--workers", "1")  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert told in done.stderr
    assert str(tmp_path) in done.stderr
    assert path.name in done.stderr or "folder" in told


def test_two_folders_may_not_add_the_same(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "arms").mkdir(parents=True)
        (tmp_path / name / "arms" / "r1.py").write_text("")
    folders = [tmp_path / "one", tmp_path / "two"]
    done = python(folders, "-c", "import robots")
    assert f"{folders[1] / 'arms' / 'r1.py'}: 'r1' is taken by {folders[0] / 'arms' / 'r1.py'}" in done.stderr
    missing = python([tmp_path / "three"], "-c", "import robots")
    assert f"{extensions.VARIABLE}: {tmp_path / 'three'} is not a folder" in missing.stderr


def test_nothing_runs_before_it_is_asked_for(tmp_path):
    for kind in ("tasks", "arms", "machines", "agents"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "bomb.py").write_text("raise SystemExit(7)\n")
    code = "import envs, robots.catalog, agents.catalog; print(envs.TASKS[-1], *robots.catalog.MACHINES)"
    done = python([tmp_path], "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "Bomb"
    assert done.stdout.split()[-1] == "bomb"
