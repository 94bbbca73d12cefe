"""No file that this project reads can run code, reach out of its folder, or eat the machine's memory."""

import ast
import io
import json
import os
import re
import stat
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest

from agents import catalog, checkpoint
from agents.checkpoint import CheckpointError
from agents.networks import MlpPolicy
from agents.policy import Policy
from configs.strict_yaml import StrictYamlError, read_yaml
from experiments import foreign
from experiments.errors import UserError
from experiments.figures import line_chart_svg
from experiments.foreign import read_archive, read_npz
from experiments.guard import ROOT
from experiments.import_sb3 import main as import_sb3
from experiments.markdown import plain

PACKAGES = ("robots", "envs", "agents", "experiments", "configs")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]

# --- What must never appear ----------------------------------------------------------------------

# Modules that execute what they read, or talk to a network.
MODULES = {
    "pickle", "_pickle", "cPickle", "cloudpickle", "dill", "shelve", "marshal", "joblib", "jsonpickle",
    "code", "codeop", "telnetlib", "ftplib", "smtplib", "xmlrpc", "requests", "httpx", "urllib3", "aiohttp",
    "huggingface_hub", "wandb", "ftputil", "paramiko", "webbrowser", "tarfile",
}  # fmt: skip
NETWORK = {"socket", "socketserver", "http", "urllib", "asyncio", "ssl"}
# Files that may use the network, on the loopback unless somebody says otherwise.
LOOPBACK = {"agents/remote.py", "agents/supervisor_llm.py", "experiments/serve.py"}
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load",
    "yaml.full_load", "torch.save", "torch.hub.load", "torch.jit.load", "np.fromfile", "numpy.fromfile",
    "pandas.read_pickle", "pd.read_pickle", "shutil.unpack_archive", "os.execv", "os.execvp",
    "runpy.run_path",
}  # fmt: skip
# Loaders that unpickle: of stable-baselines3's algorithms, buffers and normalisation, and of Python archives.
METHODS = re.compile(
    r"(?:PPO|A2C|SAC|TD3|DDPG|DQN|TQC|TRPO|ARS|QRDQN|CrossQ|RecurrentPPO|MaskablePPO|BaseAlgorithm"
    r"|VecNormalize)\.load|.*\.(?:load_replay_buffer|load_from_zip_file|extractall|loadURDF|loadSDF|loadMJCF|loadBullet)"
)


def forbidden(node):
    """What is wrong with a node of a syntax tree, None where nothing is."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        return next(
            (n for n in names if n.partition(".")[0] in MODULES and not getattr(node, "level", 0)), None
        )
    if not isinstance(node, ast.Call):
        return None
    called, named = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
    if called in CALLS or METHODS.fullmatch(called):
        return called
    if called.endswith("torch.load") and named.get("weights_only") != "True":
        return "torch.load without weights_only=True"
    if called in ("np.load", "numpy.load") and named.get("allow_pickle") != "False":
        return "np.load without allow_pickle=False"
    if named.get("shell", "False") != "False":
        return "shell"
    if "fileName" in named or ("filename" in named and "Shape" in called):
        return "a mesh from a file"
    return None


def found_in(text):
    return [(node.lineno, bad) for node in ast.walk(ast.parse(text)) if (bad := forbidden(node))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_that_runs_what_it_reads(path):
    text = path.read_text(encoding="utf-8")
    assert not found_in(text)
    tops = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        )
    }  # fmt: skip
    if tops & NETWORK:
        assert path.relative_to(ROOT).as_posix() in LOOPBACK
        assert "0.0.0.0" not in text
        assert "127.0.0.1" in text or "localhost" in text


@pytest.mark.parametrize("line", [
    "import pickle", "from cloudpickle import loads", "eval('1')", "exec(x)", "PPO.load('a.zip')",
    "stable = SAC.load(p)", "VecNormalize.load(p, venv)", "model.load_replay_buffer(p)", "yaml.load(t)",
    "torch.load(p)", "torch.load(p, weights_only=False)", "np.load(p)", "np.load(p, allow_pickle=True)",
    "subprocess.run(c, shell=True)", "os.system(c)", "archive.extractall(p)", "bullet.loadURDF(p)",
    "bullet.createCollisionShape(bullet.GEOM_MESH, fileName=p)", "tarfile = __import__('tarfile')",
])  # fmt: skip
def test_the_search_finds_what_it_is_for(line):
    assert found_in(line)


@pytest.mark.parametrize("line", [
    "from agents.policy import Policy\nPolicy.load(p)", "torch.load(p, weights_only=True)",
    "np.load(p, allow_pickle=False)", "re.compile('a')", "subprocess.run(c)", "read_yaml(t)",
])  # fmt: skip
def test_the_search_lets_good_lines_be(line):
    assert not found_in(line)


HOOK = """
import os, sys
def hook(event, arguments):
    if event in ("socket.bind", "socket.connect", "socket.sendto", "socket.getaddrinfo"):
        address = arguments[0 if event == "socket.getaddrinfo" else 1]
        if not isinstance(address, (str, bytes)) or event == "socket.getaddrinfo":
            with open(os.environ["TOLD"], "a") as file:
                file.write(f"{event} {address}\\n")
sys.addaudithook(hook)
"""


VERBS = {
    "evaluate": ["random", "--task", "Reach", "--episodes", "2"],
    "train": ["--task", "tests.learning.standin:StandInReach-v0", "--agent", "ppo", "--quick",
              "--steps", "600", "--episodes", "2", "--no-clip"],
}  # fmt: skip


@pytest.mark.parametrize("name", ["evaluate", pytest.param("train", marks=pytest.mark.slow)])
def test_a_verb_with_its_workers_neither_listens_nor_calls(name, tmp_path):
    """Paths of Unix sockets, by which processes of one machine talk, are no addresses."""
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    told = tmp_path / "told"
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    probe = [sys.executable, "-c", "import socket; socket.socket().bind(('127.0.0.1', 0))"]
    verb = [sys.executable, "-m", f"experiments.{name}", *VERBS[name], "--workers", "1"]
    verb += ["--out", str(tmp_path / "out")] if name == "train" else []
    for command, expected in ((verb, False), (probe, True)):
        environment = os.environ | {"PYTHONPATH": path, "TOLD": str(told)}
        subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, timeout=120)
        assert told.exists() is expected


# --- Archives ------------------------------------------------------------------------------------


def zipped(files, **how):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", **how) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return data.getvalue()


def refusal(read):
    """What a reader says against a file, nothing where it takes it; any other error is a bug of ours."""
    try:
        read()
    except (UserError, CheckpointError) as error:
        return str(error)
    return ""


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(("name", "told"), [
    ("../out", "leads out"), ("/etc/passwd", "leads out"), ("a/../../b", "leads out"),
    ("..\\out", "leads out"), ("C:\\out", "leads out"), (link("policy.pth"), "is a link"),
])  # fmt: skip
def test_an_archive_stays_within_itself(name, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=told):
        read_archive(zipped([(name, b"/etc/passwd")]), "a.zip")
    assert not list(tmp_path.iterdir())


def test_bombs_are_refused_before_they_go_off(monkeypatch):
    bomb = zipped([("a", bytes(3 * 2**20))], compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="ratio"):
        read_archive(bomb, "a.zip")
    monkeypatch.setattr(foreign, "MOST_BYTES", 2**20)
    with pytest.raises(UserError, match="bytes unpacked"):
        read_archive(zipped([("a", os.urandom(2**20 + 1))]), "a.zip")
    monkeypatch.setattr(foreign, "MOST_MEMBERS", 3)
    with pytest.raises(UserError, match="4 files"):
        read_archive(zipped([(str(i), b"") for i in range(4)]), "a.zip")


def test_a_header_that_lies_about_its_size_is_found():
    data = bytearray(zipped([("a", bytes(2**16))], compression=zipfile.ZIP_DEFLATED))
    for at in (data.index(b"PK\x03\x04") + 22, data.index(b"PK\x01\x02") + 24):
        data[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(UserError):
        read_archive(bytes(data), "a.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused():
    with pytest.raises(UserError, match="twice"):
        read_archive(zipped([("a", b"1"), ("a", b"2")]), "a.zip")


def test_damaged_archives_are_told_in_one_line():
    good = zipped([("a", b"hello" * 99), ("b", b"x")], compression=zipfile.ZIP_DEFLATED)
    rng = np.random.default_rng(0)
    assert set(read_archive(good, "a.zip")) == {"a", "b"}
    for _ in range(500):
        data = bytearray(good)
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(len(data))] = rng.integers(256)
        data = data[: rng.integers(len(data) // 2, len(data) + 1)]
        assert "\n" not in refusal(lambda data=bytes(data): read_archive(data, "a.zip"))


class Touches:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_arrays_of_objects_are_refused(tmp_path):
    file, mark = tmp_path / "a.npz", tmp_path / "ran"
    np.savez(file, mean=np.array([Touches(mark)], dtype=object))
    with pytest.raises(UserError, match="no array of numbers"):
        read_npz(file)
    np.savez(file, mean=np.array(["text"]))
    with pytest.raises(UserError, match="no array of numbers"):
        read_npz(file)
    assert not mark.exists()
    np.savez(file, mean=np.arange(3))
    assert read_npz(file)["mean"].tolist() == [0, 1, 2]


# --- Networks of others --------------------------------------------------------------------------


class Room(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-10, 10, (4,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}


@pytest.mark.parametrize("name", ["PPO", "A2C", "SAC", "TQC"])
def test_an_imported_network_acts_as_it_did(name, tmp_path, capsys):
    stable = pytest.importorskip("stable_baselines3")
    kind = getattr(stable, name, None) or pytest.importorskip("sb3_contrib").TQC
    net = {"policy_kwargs": {"net_arch": [16, 8]}, "device": "cpu"}
    model = kind(
        "MlpPolicy", Room(), seed=1, **({"buffer_size": 10} if name in ("SAC", "TQC") else {}), **net
    )
    model.save(tmp_path / "model.zip")
    out = tmp_path / "run"
    with pytest.raises(UserError, match="say --trust"):
        import_sb3([str(tmp_path / "model.zip"), "--out", str(out)])
    assert not out.exists()
    assert import_sb3([str(tmp_path / "model.zip"), "--trust", "--out", str(out)]) == 0
    assert "4 x 16 x 8 x 2" in capsys.readouterr().out
    policy = Policy.load(out / "policy")
    for seen in np.random.default_rng(0).normal(0, 2, (50, 4)).astype(np.float32):
        np.testing.assert_allclose(policy.act(seen), model.predict(seen, deterministic=True)[0], atol=1e-5)
    # With the statistics of VecNormalize, as numbers.
    np.savez(tmp_path / "n.npz", mean=np.ones(4), variance=np.full(4, 4.0))
    more = ["--normalisation", str(tmp_path / "n.npz"), "--out", str(tmp_path / "two")]
    assert import_sb3([str(tmp_path / "model.zip"), "--trust", *more]) == 0
    seen = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    normal = Policy.load(tmp_path / "two" / "policy").act(seen)
    np.testing.assert_allclose(normal, policy.act((seen - 1) / 2), atol=1e-5)
    np.savez(tmp_path / "n.npz", mean=np.ones(3), variance=np.ones(3))
    with pytest.raises(UserError, match="4 numbers each"):
        import_sb3([str(tmp_path / "model.zip"), "--trust", *more[:2]])
    capsys.readouterr()


def test_a_network_with_code_in_it_is_refused_and_the_code_does_not_run(tmp_path):
    torch = pytest.importorskip("torch")
    mark, file = tmp_path / "ran", tmp_path / "model.zip"
    evil = io.BytesIO()
    torch.save({"action_net.weight": Touches(mark)}, evil)
    good = io.BytesIO()
    torch.save({"action_net.weight": torch.zeros(2, 4), "action_net.bias": torch.zeros(2)}, good)
    stolen = json.dumps({"policy_class": {":type:": "x", ":serialized:": "Y29zCnN5c3RlbQ=="}})
    for files, told in (
        ([("policy.pth", evil.getvalue())], "more than weights"),
        ([("data", stolen)], "no policy.pth"),
        ([("policy.pth", b"cos\nsystem\n(S'true'\ntR.")], "policy.pth: not a zip"),
        ([("policy.pth", zipped([("archive/data.pkl", b"cos\nmkdir\n(S'x'\ntR.")]))], "more than weights"),
    ):
        file.write_bytes(zipped(files))
        with pytest.raises(UserError, match=told):
            import_sb3([str(file), "--trust", "--out", str(tmp_path / "run")])
    file.write_bytes(zipped([("policy.pth", good.getvalue()), ("data", stolen)]))
    assert import_sb3([str(file), "--trust", "--out", str(tmp_path / "run")]) == 0  # `data` is not looked at
    assert not mark.exists()


# --- Our own files -------------------------------------------------------------------------------


def saved(folder):
    layers = [(np.ones((3, 4)), np.zeros(3)), (np.ones((2, 3)), np.zeros(2))]
    MlpPolicy(layers, np.zeros(4), np.ones(4)).save(folder)
    return json.loads((folder / "policy.json").read_text())


def forge(folder, meta):
    """A checkpoint whose hashes are right, written by somebody who wants something else."""
    meta = {key: value for key, value in meta.items() if key != "self"}
    meta["self"] = checkpoint._own_hash(meta)
    (folder / "policy.json").write_text(json.dumps(meta))


@pytest.mark.parametrize("path", [
    "os:system", "subprocess:Popen", "agents.checkpoint:save_policy", "agents.policy:Policy.load",
    "agents:os", "agents.sb3:Model", "agents.nowhere:X", "", "builtins:eval", "agents.policy:os.system",
])  # fmt: skip
def test_a_checkpoint_names_policies_only(tmp_path, path):
    meta = saved(tmp_path)
    forge(tmp_path, {**meta, "class": path})
    with pytest.raises(CheckpointError):
        Policy.load(tmp_path)


def test_a_checkpoint_reads_in_its_own_folder_only(tmp_path):
    inner = tmp_path / "inner"
    meta = saved(inner)
    (inner / meta["arrays"]).rename(tmp_path / meta["arrays"])
    forge(inner, {**meta, "arrays": f"../{meta['arrays']}"})
    with pytest.raises(CheckpointError, match="No such file"):
        Policy.load(inner)


def test_forged_values_are_told_in_one_line(tmp_path):
    meta, rng = saved(tmp_path), np.random.default_rng(0)
    bad = [None, -1, 1e300, 10**30, "", "x", [], {}, [[[]]], True, {"n_layers": "x"}, "\x00", float("nan")]
    spots = [("values",), ("values", "n_layers"), ("values", "activation"), ("values", "head"), ("needs",),
             ("needs", "cameras"), ("class",), ("sha256",), ("arrays",), ("format",)]  # fmt: skip
    for spot in spots:
        for value in [*bad, rng.bytes(9).hex()]:
            forged = json.loads(json.dumps(meta))
            node = forged
            for key in spot[:-1]:
                node = node[key]
            node[spot[-1]] = value
            forge(tmp_path, forged)
            assert "\n" not in refusal(lambda: Policy.load(tmp_path))


@pytest.mark.parametrize("text", [
    "a: !!python/object/apply:os.system [id]", "a: !!python/name:os.system", "!!python/module:os",
    "a: !ruby/object:Gem {}", "a: !!binary aGk=", "a: &x [*x]", "[" * 1_000,
])  # fmt: skip
def test_yaml_is_data(text, tmp_path):
    with pytest.raises(StrictYamlError):
        read_yaml(text)
    file = tmp_path / "agent.yaml"
    file.write_text(text)
    with pytest.raises(catalog.AgentError):
        catalog.create(str(file))


HTML = "load the <script>alert('x')</script> | {0.__class__} %s [click](javascript:x)"


def test_words_of_others_are_words_in_every_page():
    chart = line_chart_svg({HTML: ([0, 1], [0, 1])}, HTML, HTML, HTML)
    for text in (chart, plain(HTML)):
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert "{0.__class__} %s" in text
    assert plain("[a](b) | c") == "\\[a](b) \\| c"
    assert plain("load the small red flange") == "load the small red flange"


def test_an_instruction_with_html_is_escaped_in_a_card(monkeypatch):
    from experiments import cards

    env = SimpleNamespace(
        seeds={"test": (5, 9)}, reset=lambda seed: (None, {"instruction": f"{HTML} {seed}"})
    )
    text = "\n".join("\n".join(b) if not isinstance(b, str) else b for b in cards._instructions(env))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
