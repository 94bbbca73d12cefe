"""Run by test_conformance.py with unmodified Minari on the path: reads a data set as Minari does.

Arguments: the folder of all data sets; the data set's id; a file (.npz) for what was read.
"""

import os
import sys

root, name, out = sys.argv[1:]
os.environ["MINARI_DATASETS_PATH"] = root

import minari  # noqa: E402
import numpy as np  # noqa: E402

data = minari.load_dataset(name)
read = {"n_episodes": data.total_episodes, "n_steps": data.total_steps}
for number, episode in enumerate(data.iterate_episodes()):
    for key, values in episode.observations.items():
        read[f"{number} observations {key}"] = values
    for key in ("actions", "rewards", "terminations", "truncations"):
        read[f"{number} {key}"] = getattr(episode, key)
    read[f"{number} contained"] = all(
        data.observation_space.contains({k: v[i] for k, v in episode.observations.items()})
        for i in range(len(episode) + 1)
    ) and all(data.action_space.contains(action) for action in episode.actions)
for number, told in enumerate(data.storage.get_episode_metadata(range(data.total_episodes))):
    read[f"{number} instruction"] = told["options"]["instruction"]
    read[f"{number} seed"] = told["seed"]
successes = data.filter_episodes(lambda episode: bool(episode.terminations[-1]))
read["n_successes"] = successes.total_episodes
np.savez(out, **read)
