"""Sessions on the stand-in without processes, which can be stopped at any report."""

import dataclasses

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

import tests.learning.standin  # noqa: F401 (registers the stand-in)
from agents.checkpoint import exists
from agents.dataset import Writer
from agents.learner import Episode
from experiments.collect import Config
from experiments.collecting import recipe_of, sources_of
from experiments.progress import Progress
from experiments.recording import Take, features_of, record
from experiments.rollout import EnvFacts, EnvRequest, env_facts, run_episodes
from experiments.run import RunDirectory
from experiments.session import TrainSession
from experiments.vec_worker import Lane, stack


class Stopped(Exception):
    pass


class _Done:
    def __init__(self, episodes):
        self._episodes = episodes

    def result(self):
        return self._episodes


class LocalWorkers:
    n = 1

    def __init__(self, needs, task="StandInReach-v0"):
        self.request = EnvRequest(f"tests.learning.standin:{task}",
                                  {"observation": needs.observation, "reward": needs.reward})  # fmt: skip

    def facts(self):
        return env_facts(self.request)

    def submit(self, rollouts, seeds):
        return _Done(run_episodes(self.request, rollouts, seeds))


class ShownWorkers:
    """Stand before LoadChuck for what learns from pictures: every episode succeeds at once."""

    n = 1

    def __init__(self):
        self.request = EnvRequest("LoadChuck", {"split": "seen"})

    def facts(self):
        action = gymnasium.spaces.Box(-1, 1, (5,))
        return EnvFacts(gymnasium.spaces.Dict({}), action, {"validation": (0, 9)}, 20, 300, None, None)

    def submit(self, rollouts, seeds):
        return _Done([Episode(seed, True, 1, 0.0, 0.0) for seed in seeds])


def show(folder, wanted, n_episodes=2):
    """Leave some episodes of the expert, as a learner wants them."""
    config = Config(frames=wanted.frames, noise=0.0, image_size=wanted.image_size,
                    cameras=",".join(wanted.cameras), every=wanted.every, chunk=wanted.chunk)  # fmt: skip
    source = sources_of(config)[0]
    recipe = recipe_of(config, [source])
    features = features_of(source.request, recipe)
    with Writer(folder, features=features, fps=20, robot="lrmate200id") as writer:
        for number in range(n_episodes):
            done = record(recipe, Take(number, source.request, source.actor, seed=5, turn=number))
            assert done.success
            writer.add(done.packed)
    return folder


class LocalVec(VecEnv):
    def __init__(self, request, n_envs, seed):
        self._lanes = [Lane(request, seed, i) for i in range(n_envs)]
        facts = env_facts(request)
        super().__init__(n_envs, facts.observation_space, facts.action_space)

    def restart(self, seed):
        for lane in self._lanes:
            lane.seed(seed)

    def reset(self):
        return stack([lane.reset()[0] for lane in self._lanes])

    def step_async(self, actions):
        self._actions = actions

    def step_wait(self):
        rows = [lane.step(action) for lane, action in zip(self._lanes, self._actions, strict=True)]
        observations, rewards, dones, infos = zip(*rows, strict=True)
        return stack(observations), np.array(rewards, np.float32), np.array(dones), list(infos)

    def close(self):
        pass

    def env_method(self, name, *args, indices=None, **kwargs):
        return [getattr(self._lanes[i].env.unwrapped, name)(*args, **kwargs)
                for i in self._get_indices(indices)]  # fmt: skip

    def get_attr(self, name, indices=None):
        return [self._lanes[i].env.get_wrapper_attr(name) for i in self._get_indices(indices)]

    def set_attr(self, name, value, indices=None):
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [wrapper_class.__name__ == "Monitor" for _ in self._get_indices(indices)]


class LocalSession(TrainSession):
    """Counts reports, and ends in the middle of one if told so."""

    stop_at = None
    n_reports = 0

    def report(self, **metrics):
        super().report(**metrics)
        self.n_reports += 1
        if self.n_reports == self.stop_at:
            raise Stopped

    def make_vec(self, n_envs):
        return LocalVec(self._workers.request, n_envs, self.seed)


def run(agent, folder, n_steps, *, stop_at=None, resume=False, seed=3, workers=None, demos=None, scenes=None):
    """Learn; return the number of reports."""
    folder.mkdir(exist_ok=True)
    workers = workers or LocalWorkers(agent.needs)
    session = LocalSession(
        workers, RunDirectory(folder), Progress(n_steps, "", folder / "tensorboard"),
        seed=seed, n_steps=n_steps, quick=True, checkpoint_s=0.0, demos=demos,
    )  # fmt: skip
    session.stop_at = stop_at
    if scenes is not None:
        session.scenes = lambda wanted: str(scenes)
    if resume and exists(folder / "checkpoints", "last"):
        session.restore()
    with session:
        agent.learn(session)
    return session.n_reports


def learn_on(agent, demos, folder, **how):
    """Learn from a data set into a run's directory."""
    return run(agent, folder, agent.default_steps(), workers=ShownWorkers(), demos=demos, **how)


def variant(agent, **hyper):
    """The agent with other hyper-parameters."""
    return type(agent)(dataclasses.replace(agent.hyper, **hyper))
