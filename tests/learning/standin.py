"""A tiny pick-and-place without an engine that keeps the environments' contract.

A hand moves over a plane; it closes on a part, carries it to a place and opens. Import it by its id
`tests.learning.standin:StandIn-v0`; its expert is `StandInExpert`.
"""

import gymnasium
import numpy as np

from agents.policy import Policy, Privileged

SPEED = 0.05
NEAR = 0.02


class StandIn(gymnasium.Env):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012
    seeds = {"train": (0, 999), "validation": (1000, 1999), "test": (2000, 9999)}  # noqa: RUF012

    def __init__(
        self,
        robot="lrmate200id",
        observation="flat",
        control="ee_yaw",
        reward="dense",
        split="seen",
        render_mode=None,
        reach=False,
    ):
        if split not in ("seen", "nominal"):
            raise ValueError(f"unknown split {split!r}: allowed are seen, nominal")
        self.render_mode, self._mode, self._reward = render_mode, observation, reward
        self._reach = reach
        self._max_episode_steps = 40 if reach else 80
        self.action_space = gymnasium.spaces.Box(-1, 1, (5,), np.float32)

        def box(n):
            return gymnasium.spaces.Box(-10, 10, (n,), np.float32)

        self.observation_space = (
            box(7)
            if observation == "flat"
            else gymnasium.spaces.Dict(
                {"observation": box(7), "achieved_goal": box(2), "desired_goal": box(2)}
            )
        )

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.hand, self.part, self.place = self.np_random.uniform(-1, 1, (3, 2))
        if self._reach:
            self.part = self.hand
        self.held, self.n = False, 0
        return self._observation(), self._info()

    def _observation(self):
        flat = np.concatenate([self.part - self.hand, self.place - self.part, self.hand, [self.held]]).astype(
            np.float32
        )
        if self._mode == "flat":
            return flat
        return {
            "observation": flat,
            "achieved_goal": self.part.astype(np.float32),
            "desired_goal": self.place.astype(np.float32),
        }

    def _success(self):
        return bool(np.linalg.norm(self.part - self.place) < NEAR) and (self._reach or not self.held)

    def _info(self):
        return {"is_success": self._success(), "instruction": "put it there", "gap_m": 1e-5,
                "run_out_m": 0.0 if self._success() else np.inf}  # fmt: skip

    def compute_reward(self, achieved_goal, desired_goal, info):
        return -(np.linalg.norm(achieved_goal - desired_goal, axis=-1) > NEAR).astype(np.float32)

    def step(self, action):
        before = np.linalg.norm(self.part - self.hand) + np.linalg.norm(self.part - self.place)
        self.n += 1
        self.hand = np.clip(self.hand + SPEED * np.asarray(action[:2], float), -1.2, 1.2)
        if self._reach:
            self.held = True
        elif action[4] > 0:
            self.held = False
        elif np.linalg.norm(self.part - self.hand) < NEAR:
            self.held = True
        if self.held:
            self.part = self.hand.copy()
        after = np.linalg.norm(self.part - self.hand) + np.linalg.norm(self.part - self.place)
        success = self._success()
        reward = (
            self.compute_reward(self.part, self.place, {})
            if self._reward == "sparse"
            else 10 * (before - after) + success
        )
        truncated = self.n >= self._max_episode_steps
        return self._observation(), float(reward), success, truncated, self._info()

    def render(self):
        picture = np.full((64, 64, 3), 255, np.uint8)
        for point, colour in ((self.place, (0, 0, 255)), (self.part, (255, 0, 0)),
                              (self.hand, (0, 0, 0))):  # fmt: skip
            x, y = (np.clip((point + 1.2) / 2.4 * 60, 0, 60)).astype(int)
            picture[y : y + 4, x : x + 4] = colour
        return picture


class StandInExpert(Policy, Privileged):
    """Sees the environment; remembers nothing."""

    def bind(self, env):
        self._env = env.unwrapped

    def act(self, observation):
        env = self._env
        target = env.place if env.held else env.part
        there = np.linalg.norm(target - env.hand) < NEAR / 2
        move = np.clip((target - env.hand) / SPEED, -1, 1)
        opens = there if env.held else not there
        return np.array([*move, 0, 0, 1 if opens else -1], np.float32)


gymnasium.register("StandIn-v0", entry_point=StandIn)
gymnasium.register("StandInReach-v0", entry_point=StandIn, kwargs={"reach": True})
