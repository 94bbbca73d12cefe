"""Two demonstrated episodes, and runs that learn from them without processes."""

import gymnasium

import envs  # noqa: F401 (registers the ids)
from agents.dataset import Writer
from agents.learner import Episode
from agents.vla.keyframe import CAMERAS, IMAGE_SIZE
from experiments.collect import Config
from experiments.collecting import recipe_of, sources_of
from experiments.progress import Progress
from experiments.recording import Take, features_of, record
from experiments.rollout import EnvFacts, EnvRequest
from experiments.run import RunDirectory
from tests.learning.local import LocalSession


def two_episodes(folder, **other):
    """The same scene with two parts named in turn, at key poses."""
    settings = {"frames": "keys", "noise": 0.0, "image_size": IMAGE_SIZE, "cameras": ",".join(CAMERAS)}
    config = Config(**(settings | other))
    source = sources_of(config)[0]
    recipe = recipe_of(config, [source])
    features = features_of(source.request, recipe)
    with Writer(folder, features=features, fps=20, robot="lrmate200id") as writer:
        for number in (0, 1):
            done = record(recipe, Take(number, source.request, source.actor, seed=5, turn=number))
            assert done.success
            writer.add(done.packed)
    return folder


class Workers:
    """Every episode succeeds at once."""

    n = 1

    def __init__(self):
        self.request = EnvRequest("LoadChuck", {"split": "seen"})

    def facts(self):
        action = gymnasium.spaces.Box(-1, 1, (5,))
        return EnvFacts(gymnasium.spaces.Dict({}), action, {"validation": (0, 9)}, 20, 300, None, None)

    def submit(self, rollouts, seeds):
        class Done:
            def result(self):
                return [Episode(seed, True, 1, 0.0, 0.0) for seed in seeds]

        return Done()


def learn_on(agent, folder, out, *, stop_at=None, resume=False):
    """Learn from a data set into a run's directory, up to a report or from where that stopped."""
    out.mkdir(exist_ok=True)
    n_steps = agent.default_steps()
    session = LocalSession(
        Workers(), RunDirectory(out), Progress(n_steps, "", out / "tensorboard"), seed=3, n_steps=n_steps,
        quick=True, checkpoint_s=0.0, demos=folder,
    )  # fmt: skip
    session.stop_at = stop_at
    if resume and (out / "checkpoints" / "last.json").is_file():
        session.restore()
    with session:
        agent.learn(session)
