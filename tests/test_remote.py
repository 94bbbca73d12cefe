"""A policy served on loopback acts as it does at home; what goes wrong on the way is one line."""

import io
import threading
import urllib.request
import zipfile

import numpy as np
import pytest

import experiments.pool
from agents.policy import Policy, PolicyError
from agents.remote import Remote, RemoteHyper
from agents.wire import LIMIT_BYTES, WireError, pack, unpack
from experiments import serve
from experiments.errors import UserError
from experiments.evaluation import request_for
from experiments.rollout import Rollouts, run_episodes
from tests.bench import LocalPool, bench


class Chunks(Policy):
    """A small model in place of a large one: a fixed random network over pictures and words."""

    def reset(self, instruction, seed):
        self.rng = np.random.default_rng([seed, len(instruction)])

    def act(self, observation):
        mean = np.mean([float(np.mean(value)) for value in observation.values()])
        return np.tanh(self.rng.normal(mean * 1e-3, 0.3, (4, 5))).astype(np.float32)


@pytest.fixture
def serving():
    """Starts servers on free ports of loopback; all are gone afterwards."""
    started = []

    def start(make, facts=None, space=None):
        listening = serve.server(serve.Sessions(make, space), 0, facts or {})
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((listening, thread))
        return listening, f"http://127.0.0.1:{listening.server_address[1]}"

    yield start
    for listening, thread in started:
        listening.shutdown()
        listening.server_close()
        thread.join()


def ready(url, size=5, **hyper):
    policy = Remote(RemoteHyper(url=url, timeout_s=5.0, **hyper))
    policy._size = size
    return policy


def test_arrays_come_back_the_same():
    arrays = {
        "a": np.arange(6, dtype=np.uint8).reshape(2, 3),
        "b": np.float32([np.nan, 1]),
        "c": np.zeros(()),
    }
    values, back = unpack(pack({"x": 1, "y": "ö"}, arrays))
    assert values == {"x": 1, "y": "ö"}
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


def zip_bomb():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("message.npy", bytes(LIMIT_BYTES + 1))
    return buffer.getvalue()


def objects():
    buffer = io.BytesIO()
    np.savez(buffer, message=np.array([{"a": 1}], object))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "not a message"), (b"PK\x03\x04 nonsense", "not a message"), (zip_bomb(), "allowed are"),
     (objects(), "not a message"), (pack({}, {})[:-30], "not a message")],
    ids=["empty", "nonsense", "bomb", "objects", "cut off"],
)  # fmt: skip
def test_what_is_no_message_is_refused(data, said):
    with pytest.raises(WireError, match=said):
        unpack(data)


def test_objects_are_not_sent():
    with pytest.raises(WireError, match="'a'"):
        pack({}, {"a": np.array([None])})


def test_served_random_is_random_at_home(serving):
    sessions, facts = serve.serving(serve.Config("random", task="Reach"))
    _, url = serving(sessions._make, facts)
    request = request_for("Reach", Remote(RemoteHyper(observation="flat")).needs, split="nominal")
    from agents.random_agent import Random

    seeds = [2_000_000, 2_000_001]
    there = run_episodes(
        request, Rollouts(Remote(RemoteHyper(url=url, observation="flat")), max_steps=12), seeds
    )
    here = run_episodes(request, Rollouts(Random(), max_steps=12), seeds)
    assert [(e.sum_reward, e.n_steps, e.success) for e in there] == [
        (e.sum_reward, e.n_steps, e.success) for e in here
    ]
    assert (facts["task"], facts["observation"]) == ("Reach", "flat")


def test_pictures_and_chunks(serving):
    """A chunk of four actions, three of them executed: every third step asks."""
    _, url = serving(Chunks)
    policy = Remote(RemoteHyper(url=url, cameras=("tray",), image_size=64, execute=3))
    request = request_for("PickPart", policy.needs, split="nominal")
    episodes = [run_episodes(request, Rollouts(policy, max_steps=7), [2_000_000])[0] for _ in range(2)]
    assert episodes[0].sum_reward == episodes[1].sum_reward

    direct = Chunks()
    direct.reset("pick", 7)
    seen = {"image_tray": np.full((4, 4, 3), 9, np.uint8), "agent_pos": np.float32([1, 2])}
    remote = ready(url, execute=3)
    remote.reset("pick", 7)
    first, second = direct.act(seen)[:3], direct.act(seen)[:3]
    np.testing.assert_array_equal([remote.act(seen) for _ in range(6)], [*first, *second])


def test_clients_do_not_disturb_each_other(serving):
    _, url = serving(Chunks)
    seen = {"a": np.float32([0.5])}
    alone, one, other = ready(url), ready(url), ready(url)
    alone.reset("x", 3)
    expected = [alone.act(seen) for _ in range(8)]
    one.reset("x", 3)
    other.reset("x", 4)
    mixed = []
    for _ in range(8):
        mixed.append(one.act(seen))
        other.act(seen)
    np.testing.assert_array_equal(mixed, expected)


def test_the_longest_quiet_client_is_forgotten(serving, monkeypatch):
    monkeypatch.setattr(serve, "SESSIONS", 2)
    _, url = serving(Chunks)
    clients = [ready(url) for _ in range(3)]
    for client in clients:
        client.reset("x", 0)
    clients[2].act({"a": np.zeros(1)})
    with pytest.raises(PolicyError, match="unknown: reset comes first"):
        clients[0].act({"a": np.zeros(1)})


@pytest.mark.parametrize(
    ("cameras", "size", "said"),
    [(("tray",), 64, "refused: ValueError: calibration_chuck is missing"),
     (("tray", "chuck"), 96, r"image_\w+ of shape \(96, 96, 3\): this policy sees \(64, 64, 3\)")],
    ids=["camera", "size"],
)  # fmt: skip
def test_pictures_that_the_served_policy_does_not_know_are_one_line(serving, cameras, size, said):
    needs = Remote(RemoteHyper(cameras=("tray", "chuck"), image_size=64)).needs
    env = request_for("PickPart", needs).make()
    _, url = serving(Chunks, space=env.observation_space)
    env.close()
    policy = Remote(RemoteHyper(url=url, cameras=cameras, image_size=size, timeout_s=30.0))
    with pytest.raises(UserError, match=said) as error:
        run_episodes(request_for("PickPart", policy.needs), Rollouts(policy, max_steps=3), [2_000_000])
    assert "\n" not in str(error.value)


class Bad(Policy):
    answers = {}  # noqa: RUF012

    def reset(self, instruction, seed):
        self.answer = self.answers[instruction]

    def act(self, observation):
        return self.answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [(np.zeros(4), r"\(1, 4\): \(k, 5\) is needed"), (np.zeros((0, 5)), "is needed"),
     (np.full(5, np.nan), "not finite"), (np.zeros((1, 2, 5)), "is needed")],
    ids=["short", "none", "nan", "deep"],
)  # fmt: skip
def test_bad_actions_are_one_line(serving, answer, said):
    Bad.answers = {"x": answer}
    _, url = serving(Bad)
    policy = ready(url)
    policy.reset("x", 0)
    with pytest.raises(PolicyError, match=said):
        policy.act({"a": np.zeros(1)})


def test_actions_are_cut(serving):
    Bad.answers = {"x": np.float32([9, -9, 0, 0, 0])}
    _, url = serving(Bad)
    policy = ready(url)
    policy.reset("x", 0)
    np.testing.assert_array_equal(policy.act({"a": np.zeros(1)}), [1, -1, 0, 0, 0])


def test_nobody_there():
    policy = ready("http://127.0.0.1:9")
    with pytest.raises(PolicyError, match="does not answer"):
        policy.reset("x", 0)


def test_server_gone_in_the_middle_is_the_users_to_know(serving):
    """The verbs turn it into one line; `UserError` is what they print and exit with 2."""
    listening, url = serving(Chunks)
    policy = Remote(RemoteHyper(url=url, cameras=("tray",), image_size=64, timeout_s=5.0))
    request = request_for("PickPart", policy.needs, split="nominal")

    class Watched(Remote):
        def act(self, observation):
            if self._next == len(self._chunk) == 4:
                listening.shutdown()
                listening.server_close()
            return super().act(observation)

    gone = Watched(policy._hyper)
    with pytest.raises(UserError, match="does not answer"):
        run_episodes(request, Rollouts(gone, max_steps=20), [2_000_000])


class Closes(Policy):
    """Ends its server in the middle of the third episode."""

    n_episodes, listening = 0, None

    def reset(self, instruction, seed):
        Closes.n_episodes += 1
        self.n_steps = 0

    def act(self, observation):
        self.n_steps += 1
        if Closes.n_episodes == 3 and self.n_steps == 2:
            threading.Thread(target=self.listening.shutdown).start()
            raise ConnectionAbortedError("the machine went down")  # no answer: the handler dies
        return np.zeros(5, np.float32)


def test_a_server_gone_in_a_benchmark_leaves_the_finished_cells(serving, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(experiments.pool, "Pool", LocalPool)
    monkeypatch.setattr("socketserver.BaseServer.handle_error", lambda *_: None)
    Closes.n_episodes = 0
    Closes.listening, url = serving(Closes)
    agent = tmp_path / "mine.yaml"
    agent.write_text(f"class: agents.remote:Remote\nurl: {url}\nobservation: flat\ntimeout_s: 5.0\n")
    words = ("--splits", "seen", "nominal", "--episodes", "2", "--no-controls")
    code, told = bench(tmp_path / "out", str(agent), *words)
    assert code == 1
    (failed,) = told["failed"]
    finished = {"seen", "nominal"} - {failed["cell"]}
    assert set(told["rows"][0]["cells"]) == finished
    assert "does not answer" in failed["error"]
    assert "\n" not in failed["error"]
    assert len(list((tmp_path / "out" / "cells").glob("*.json"))) == 1
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.parametrize(
    "hyper",
    [{"url": "ftp://x"}, {"url": "127.0.0.1:8765"}, {"url": "http://"}, {"execute": -1}, {"timeout_s": 0.0}],
)
def test_bad_settings_are_refused(hyper):
    with pytest.raises(ValueError, match=next(iter(hyper))):
        RemoteHyper(**hyper)


def test_only_loopback(serving):
    listening, _ = serving(Chunks)
    assert listening.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(("path", "body"), [("eval", b"x"), ("act", b""), ("act", b"nonsense")])
def test_what_is_asked_wrongly_is_refused(serving, path, body):
    _, url = serving(Chunks)
    request = urllib.request.Request(f"{url}/{path}", body, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    assert refused.value.code == 400


@pytest.mark.parametrize("what", ["expert", "taught", "dagger", "nonsense"])
def test_who_cannot_be_served(what):
    with pytest.raises(UserError):
        serve.serving(serve.Config(what))


def test_port_taken(serving):
    listening, _ = serving(Chunks)
    with pytest.raises(UserError, match="port"):
        serve.server(serve.Sessions(Chunks), listening.server_address[1], {})
