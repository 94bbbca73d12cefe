"""The policy that says chunks of actions: heads, geometry, memory, learning, going on, keeping."""

import json
import math
from dataclasses import asdict, replace

import gymnasium
import numpy as np
import pytest
import torch

import envs  # noqa: F401 (registers the ids)
from agents.catalog import AgentError, create
from agents.dataset import Dataset, DatasetError
from agents.learner import Demonstrations
from agents.policy import Policy, PolicyError
from agents.taught import COMMANDED, ROTATION, tool_yaw
from agents.vla import geometry
from agents.vla.body import (
    GRIPPER,
    HEADS,
    N_ACTIONS,
    TOKENS,
    Body,
    BodySpec,
    bells,
    companded,
    expanded,
    likeliest,
    tokens_of,
    values_of,
)
from agents.vla.chunk import Chunk, Mover
from agents.vla.chunk_training import SIZES, ChunkHyper, VlaChunk
from agents.vla.keyframe import CAMERAS, IMAGE_SIZE
from agents.vla.motions import Motions, from_dataset
from agents.vla.moving import BodyFit, BodyFitter
from agents.vla.network import Network, NetworkSpec, n_parameters
from agents.vla.pointing import KEPT, SAME_M, Memory, hidden
from agents.vla.seeing import Seen, Seer
from agents.vla.senses import GROUPS, PLACE, PUT, TAKE, ZOOMS_M, senses
from agents.vla.tokenizer import Tokenizer
from tests.learning.local import Stopped, learn_on, show

SMALL = {"width": 16, "deep": 16, "blocks": 1, "words": 16}
BODY = BodySpec(chunk=4, wide=16, layers=1, n_heads=2)
HYPER = ChunkHyper(updates=12, batch=4, closer=8, body_batch=8, threads=1, half=False)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two episodes with frames on the way and actions ahead."""
    wanted = replace(VlaChunk(HYPER).demonstrations(quick=True), every=6, chunk=12)
    return show(tmp_path_factory.mktemp("demos") / "set", wanted)


@pytest.fixture(scope="module")
def env():
    made = gymnasium.make(
        "Monozukuri/LoadChuck-v0", observation="rgb", cameras=CAMERAS, image_size=IMAGE_SIZE
    ).unwrapped
    yield made
    made.close()


def robot_at(position_m, yaw_rad, n=31):
    """`agent_pos` of a hand that points down."""
    robot = np.zeros(n)
    robot[COMMANDED] = position_m
    robot[-17:-14] = position_m
    half = yaw_rad / 2  # turned about z after half a turn about x
    robot[ROTATION] = [np.cos(half), np.sin(half), 0.0, 0.0]
    return robot


# --- How actions are said ---------------------------------------------------------------------------


def test_tokens_stand_for_numbers_and_rest_is_exact():
    ends = torch.tensor([-1.0, 0.0, 1.0])
    assert torch.allclose(values_of(tokens_of(ends)), ends, atol=1e-6)
    assert values_of(tokens_of(ends))[1] == 0
    every = torch.arange(1, TOKENS)
    assert torch.equal(tokens_of(values_of(every)), every)
    x = torch.linspace(-1, 1, 2001)
    off = (values_of(tokens_of(x)) - x).abs()
    assert off.max() < 0.016
    assert off[x.abs() < 0.01].max() < 1e-3  # a hundredth of a millimetre or so where hands come to rest
    assert torch.allclose(expanded(companded(x)), x, atol=1e-6)
    assert torch.allclose(bells(x).sum(-1), torch.ones(len(x)))
    said = likeliest(bells(x).log())  # what lies between tokens is said too
    assert (said - x).abs().max() < 0.02
    assert likeliest(bells(torch.zeros(1)).log()) == 0


@pytest.mark.parametrize("head", HEADS)
def test_shapes_of_both_heads(head):
    torch.manual_seed(0)
    body = Body(BodySpec(chunk=5, head=head, wide=16, layers=1))
    told = torch.randn(3, sum(GROUPS.values()))
    shape = (3, 5, N_ACTIONS, TOKENS) if head == "tokens" else (3, 5, N_ACTIONS)
    assert body(told).shape == shape
    with torch.no_grad():
        actions = body.actions(told)
    assert actions.shape == (3, 5, N_ACTIONS)
    assert np.abs(actions).max() <= 1
    assert set(np.abs(actions[..., GRIPPER]).ravel()) == {1.0}
    chunks, seen = torch.rand(3, 5, N_ACTIONS) * 2 - 1, torch.ones(3, 5, dtype=torch.bool)
    body.loss(told, chunks, seen).backward()
    still = [name for name, p in body.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not still


def test_what_could_not_be_foreseen_does_not_count():
    torch.manual_seed(0)
    body, told = Body(BODY), torch.randn(6, sum(GROUPS.values()))
    chunks = torch.rand(6, 4, N_ACTIONS) * 2 - 1
    foreseen = torch.zeros(6, 4, dtype=torch.bool)
    foreseen[:, :2] = True
    other = chunks.clone()
    other[:, 2:] = -other[:, 2:]
    assert torch.equal(body.loss(told, chunks, foreseen), body.loss(told, other, foreseen))


def test_nano_and_base_are_about_as_large_as_they_are_called():
    found = {
        name: n_parameters(Network(NetworkSpec(**eyes))) + n_parameters(Body(BodySpec(**body)))
        for name, (eyes, body) in SIZES.items()
    }
    assert found["nano"] == pytest.approx(1e6, rel=0.2)
    assert found["base"] == pytest.approx(5e6, rel=0.2)


@pytest.mark.parametrize("wrong", [{"head": "words"}, {"chunk": 0}, {"wide": 18}, {"layers": 0}])
def test_a_body_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .* allowed"):
        BodySpec(**wrong)


# --- What it is told --------------------------------------------------------------------------------


def told_of(which, row):
    """The numbers that tell of one place."""
    names = list(GROUPS)
    first = sum(GROUPS[name] for name in names[: names.index(which)])
    return row[first : first + GROUPS[which]]


def test_the_pointed_at_place_is_told_exactly(env):
    """From a world point through a camera's projection and back, to the distance from the hand."""
    observation, _ = env.reset(seed=7)
    robot, lens = observation["agent_pos"], observation["calibration_tray"]
    hand, yaw = robot[COMMANDED].astype(float), tool_yaw(robot[ROTATION])
    point = hand + np.array([0.004, -0.021, -0.17])
    x, y, z = geometry.at_height(lens, geometry.project(lens, point), point[2])
    places = np.array([[x, y, z, yaw + 0.05], [np.nan] * PLACE])
    row = senses(robot[None], observation["machine"][None], places[None])[0]
    assert row.shape == (sum(GROUPS.values()),)
    take, away = told_of("take", row), point - hand
    for i, zoom in enumerate(ZOOMS_M):
        told = np.clip(away / zoom, -1, 1)
        assert take[3 * i : 3 * i + 3] == pytest.approx(told, abs=2e-4 / zoom)
    assert take[-3:-1] == pytest.approx([0.05, 0.5], abs=1e-5)
    assert take[-1] == 1
    assert not told_of("put", row).any()


def test_turns_are_told_the_short_way_round():
    robot = robot_at((0.3, 0.0, 0.2), np.pi - 0.01)
    assert tool_yaw(robot[ROTATION]) == pytest.approx(np.pi - 0.01)
    place = np.array([[0.3, 0.0, 0.2, -np.pi + 0.02]] * 2)
    row = senses(robot[None], np.zeros((1, 6)), place[None])[0]
    assert told_of("take", row)[-2] == pytest.approx(0.3, abs=1e-5)


def test_looks_that_agree_outvote_one_that_does_not():
    memory = Memory()
    assert memory.place(0.0) is None
    here, there = (0.2, -0.3, 0.05), (0.2, -0.2, 0.05)
    assert math.dist(here, there) > SAME_M
    memory.add(there, 1.0)
    memory.add(here, 0.1)
    assert memory.place(1.0)[:3] == pytest.approx(there)  # of equally many, the first
    for off in (-0.002, 0.001, 0.001):
        memory.add((here[0] + off, here[1], here[2]), 0.1)
    assert memory.place(0.0) == pytest.approx((*here, 0.1), abs=1e-6)
    for _ in range(KEPT):  # it has moved
        memory.add(there, -1.55)
    assert memory.place(-1.0) == pytest.approx((*there, -1.55))
    assert memory.place(1.0)[3] == pytest.approx(np.pi - 1.55)  # two fingers, turned half round


def test_a_hand_over_what_it_looks_at_hides_it():
    part, seat = (0.2, -0.3, 0.05), (0.5, 0.0, 0.18)
    assert hidden((0.2, -0.28, 0.2), part, "take")
    assert not hidden((0.2, -0.2, 0.2), part, "take")
    assert not hidden((0.5, 0.01, 0.27), seat, "put")
    assert hidden((0.5, 0.01, 0.2), seat, "put")


# --- Demonstrations ---------------------------------------------------------------------------------


def test_motions_are_labelled_with_places_and_actions_ahead(folder):
    data = Dataset(folder)
    motions = from_dataset(data, 8)
    assert len(motions) == len(data)
    assert motions.chunks.shape == (len(data), 8, N_ACTIONS)
    actions, steps = data.column("action"), data.column("step").ravel()
    assert np.array_equal(motions.chunks[:, 0], actions)
    closes, at = data.column("key.close").astype(bool).ravel(), data.column("key.position_m")
    for episode in data.episodes:
        rows = np.arange(episode.start, episode.stop)
        later = np.flatnonzero(np.diff(steps[rows]) < 8)
        for f in rows[later]:  # what is ahead is what came
            assert np.array_equal(motions.chunks[f, steps[f + 1] - steps[f]], actions[f + 1])
        close = next(f for f in rows if closes[f])
        assert motions.places[rows, TAKE, :3] == pytest.approx(np.tile(at[close], (len(rows), 1)))
        known = np.isfinite(motions.places[rows, PUT]).all(1)
        held = data.column("observation.state")[rows, -8] > 0.5
        assert np.array_equal(known, np.maximum.accumulate(held))
        # A seated part's hand is over the middle of the chuck.
        assert motions.places[rows[known], PUT, :2] == pytest.approx(
            np.array([[0.5, 0.0]] * known.sum()), abs=3e-3
        )
        assert motions.foreseen[rows[0]].all()  # nothing was disturbed
        assert motions.foreseen[rows[-1]].sum() < 8  # it ends
    assert len(from_dataset(data, 8, 1)) == len(data.episodes[0])


def test_a_data_set_without_actions_ahead_is_refused_in_one_line(folder, tmp_path):
    with pytest.raises(DatasetError, match="actions ahead are 12 of 5 numbers, 16 or more"):
        from_dataset(Dataset(folder), 16)
    plain = show(tmp_path / "plain", Demonstrations(2))
    with pytest.raises(DatasetError, match=r"'action.chunk' is missing"):
        from_dataset(Dataset(plain), 8)
    with pytest.raises(AgentError, match="is missing") as error:
        learn_on(VlaChunk(HYPER), plain, tmp_path / "out")
    assert "\n" not in str(error.value)


def servo(rng, n, chunk):
    """Hands that go straight to where they are to take, by up to 30 mm a period, and close there."""
    place = np.array([0.2, -0.3, 0.1, 0.0]) + rng.uniform(-1, 1, (n, 4)) * [0.05, 0.05, 0.02, 0.0]
    hand = place[:, :3] + rng.normal(0, 1, (n, 3)) * 10 ** rng.uniform(-3, -1, (n, 1))
    robot = np.stack([robot_at(at, 0.0) for at in hand])
    chunks = np.zeros((n, chunk, N_ACTIONS), np.float32)
    for k in range(chunk):
        away = place[:, :3] - hand
        move = away / np.maximum(np.abs(away).max(1, keepdims=True), 0.03)
        chunks[:, k, :3] = move
        chunks[:, k, GRIPPER] = np.where(np.abs(away).max(1) < 0.002, -1, 1)
        hand = hand + 0.03 * move
    places = np.stack([place, np.full_like(place, np.nan)], 1)
    return Motions(
        robot.astype(np.float32), np.zeros((n, 6), np.float32), places, chunks, np.ones((n, chunk), bool)
    )


def fitted(motions, head, n_updates):
    spec = BodySpec(chunk=4, head=head, wide=32, layers=1, n_heads=2)
    still = {"place_noise_m": 0.0, "place_noise_rad": 0.0, "sense_noise": 0.0, "drop_hand": 0.0}
    fit = BodyFit(batch=min(128, len(motions)), rate=3e-3, threads=1, **still)
    fitter = BodyFitter(motions, spec, fit, 0)
    first = fitter.run(5, n_updates)["moves"]
    assert fitter.run(n_updates - 5, n_updates)["moves"] < first / 1.5
    return Mover(asdict(spec), fitter.weights())


@pytest.mark.parametrize("head", HEADS)
def test_it_learns_a_few_motions_by_heart(head):
    motions = servo(np.random.default_rng(0), 16, 4)
    mover = fitted(motions, head, 250)
    told = senses(motions.robot, motions.machine, motions.places)
    said = np.stack([mover.move(row[None]) for row in told])
    # Where the hand is just about there, a closing may be said a period early.
    assert (said[..., GRIPPER] == motions.chunks[..., GRIPPER]).mean() > 0.93
    assert np.median(np.abs(said - motions.chunks)[..., :3]) < 0.02
    assert np.abs(said - motions.chunks).mean() < 0.05


def test_it_learns_to_go_to_what_is_pointed_at():
    """In closed loop, to places never met."""
    rng, far = np.random.default_rng(0), []
    mover = fitted(servo(rng, 4000, 4), "continuous", 300)
    for _ in range(8):
        start = servo(rng, 1, 4)
        at = start.robot[0, COMMANDED].astype(float)
        for _ in range(15):
            chunk = mover.move(senses(robot_at(at, 0.0)[None], start.machine, start.places))
            at = at + 0.03 * chunk[:2, :3].sum(0)
        far.append(np.linalg.norm(at - start.places[0, TAKE, :3]))
    assert max(far) < 0.004


# --- A run that is stopped --------------------------------------------------------------------------


def left_by(out):
    arrays = {name: array.tobytes() for name, array in Policy.load(out / "policy").state()[1].items()}
    return (out / "metrics.jsonl").read_text(), arrays


def test_a_stopped_run_goes_on_to_the_same_bits(folder, tmp_path):
    learn_on(VlaChunk(HYPER), folder, tmp_path / "whole")
    whole = left_by(tmp_path / "whole")
    out = tmp_path / "stopped"
    with pytest.raises(Stopped):
        learn_on(VlaChunk(HYPER), folder, out, stop_at=2)
    learn_on(VlaChunk(HYPER), folder, out, resume=True)
    assert left_by(out) == whole
    row = json.loads(whole[0].splitlines()[-1])
    assert row["env_steps"] == HYPER.updates * HYPER.batch
    assert {"loss_heat", "loss_moves", "success"} <= set(row)
    again = VlaChunk(ChunkHyper(**{**asdict(HYPER), "start": str(tmp_path / "whole"), "updates": 4}))
    again.check()
    assert again.demonstrations(quick=False).cameras == ()
    learn_on(again, folder, tmp_path / "more")  # what it looks with stays as it was
    eyes = {name: data for name, data in whole[1].items() if name.startswith("eyes.")}
    assert {name: data for name, data in left_by(tmp_path / "more")[1].items() if name in eyes} == eyes


def test_the_catalog_makes_it_and_refuses_what_cannot_be(tmp_path):
    agent = create("vla-chunk", "LoadChuck")
    assert isinstance(agent, VlaChunk)
    agent.check()
    wanted = agent.demonstrations(quick=False)
    assert wanted.cameras == CAMERAS
    assert wanted.chunk == agent.hyper.chunk
    for wrong in ({"size": "huge"}, {"execute": 9}, {"every": 0}, {"noise": 2.0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} is"):
            ChunkHyper(**wrong)
    for wrong in ({"head": "words"}, {"place_noise_m": -1.0}, {"drop_hand": 2.0}, {"start": str(tmp_path)}):
        with pytest.raises(AgentError) as error:
            VlaChunk(ChunkHyper(**wrong)).check()
        assert "\n" not in str(error.value)
    with pytest.raises(AgentError, match="cannot learn 'Reach'"):
        create("vla-chunk", "Reach").check()


# --- The policy -------------------------------------------------------------------------------------


def policy(**other):
    torch.manual_seed(0)
    network, body = Network(NetworkSpec(**SMALL)), Body(BODY)
    weights = [{k: v.detach().numpy() for k, v in part.state_dict().items()} for part in (network, body)]
    return Chunk(Seer(SMALL, weights[0], Tokenizer(), **other), Mover(asdict(BODY), weights[1]), 2)


def test_before_it_has_looked_it_has_no_thought():
    """A film's first picture is taken before the first action."""
    assert policy().thought() is None


def by_stage(text, stage, cameras):
    return cameras[0] if stage == "take" else cameras[1]


def test_it_is_saved_and_comes_back_the_same(env, tmp_path):
    one = policy(known=frozenset({"the", "shaft"}))
    one.save(tmp_path)
    other = Policy.load(tmp_path)
    assert isinstance(other, Chunk)
    assert other.needs == one.needs
    observation, info = env.reset(seed=3)
    for acting in (one, other):
        acting.attach(env.observation_space, env.action_space)
        acting.reset(info["instruction"], 0)
    for _ in range(5):
        actions = [acting.act(observation) for acting in (one, other)]
        assert actions[0].tobytes() == actions[1].tobytes()
        assert env.action_space.contains(actions[0])
        observation, *_ = env.step(actions[0])
    thought = one.thought()
    assert thought.camera in CAMERAS
    assert thought.heat.sum() == pytest.approx(1, abs=1e-4)


def test_it_looks_again_when_its_actions_are_used_up(env):
    acting, looks = policy(), []

    class Told:
        known = frozenset()
        camera = staticmethod(by_stage)

        def see(self, view, text):
            looks.append(view.stage)
            return Seen((0.2, -0.3, 0.05), 0.0, True, None, (0.0, 0.0))

    acting.seer = Told()
    observation, info = env.reset(seed=3)
    acting.reset(info["instruction"], 0)
    for _ in range(5):
        acting.act(observation)
    assert looks == ["take"] * 3
    held = {**observation, "agent_pos": observation["agent_pos"].copy()}
    held["agent_pos"][-8] = 1.0  # gripped: at once it looks for where to put it
    acting.act(held)
    assert looks[3:] == ["put"]
    places = acting.places(held["agent_pos"])
    assert np.isfinite(places).all()


def test_what_the_hand_hides_is_not_given_up_for_something_like_it(env):
    """Over the part it cannot see it: looks elsewhere do not count there, and do on the way."""
    acting = policy()
    here, there = (0.2, -0.3, 0.05), (0.1, -0.4, 0.05)

    class Told:
        known, at = frozenset(), here
        camera = staticmethod(by_stage)

        def see(self, view, text):
            return Seen(self.at, 0.0, True, None, (0.0, 0.0))

    acting.seer = Told()
    observation, info = env.reset(seed=3)
    acting.reset(info["instruction"], 0)
    for hand, expected in (((0.2, -0.3, 0.2), here), ((0.35, -0.2, 0.2), there)):
        told = {**observation, "agent_pos": observation["agent_pos"].copy()}
        told["agent_pos"][COMMANDED] = hand
        for at in (here, *[there] * 4):
            acting.seer.at, acting.queue = at, []
            acting.act(told)
        assert acting.places(told["agent_pos"])[TAKE, :3] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"cameras": ("tray",)}, "camera 'chuck' is missing"), ({"image_size": 64}, "64 x 64 pixels")],
)
def test_pictures_that_do_not_fit_are_refused_in_one_line(options, told):
    options = {"observation": "rgb", "cameras": CAMERAS, "image_size": IMAGE_SIZE} | options
    made = gymnasium.make("Monozukuri/LoadChuck-v0", **options)
    with pytest.raises(PolicyError, match=told) as error:
        policy().attach(made.observation_space, made.action_space)
    made.close()
    assert "\n" not in str(error.value)


def test_an_instruction_in_an_unknown_language_is_refused_in_one_line():
    acting = policy(known=frozenset({"load", "the", "shaft"}))
    with pytest.raises(PolicyError, match="not one known word"):
        acting.reset("赤い軸をチャックに", 0)
    acting.reset("Load it", 0)
