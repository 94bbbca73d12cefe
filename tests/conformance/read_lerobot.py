"""Run by test_conformance.py with unmodified lerobot on the path: reads a data set as lerobot does.

Arguments: the data set's folder; a file (.npz) for what was read.
"""

import os
import sys

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
folder, out = sys.argv[1:]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402

name = "local/demonstrations"
data = LeRobotDataset(name, root=folder)
read = {"n_frames": data.num_frames, "n_episodes": data.num_episodes, "fps": data.fps}
rows = [data[i] for i in range(len(data))]
for key in data.features:
    read[f"column {key}"] = np.stack([np.asarray(row[key]) for row in rows])
read["tasks"] = np.array([row["task"] for row in rows])
for key, stats in data.meta.stats.items():
    read[f"mean {key}"] = np.asarray(stats["mean"])

# Only some episodes, and frames before and after each.
step = 1 / data.fps
window = {"observation.state": [-step, 0.0], "action": [0.0, step, 2 * step]}
some = LeRobotDataset(name, root=folder, episodes=[1, 3], delta_timestamps=window)
read["some length"] = len(some)
picked = [some[i] for i in range(len(some))]
for key in ("episode_index", "frame_index", "action", "action_is_pad", "observation.state"):
    read[f"some {key}"] = np.stack([np.asarray(row[key]) for row in picked])
# A loader with batches, as trainers use it.
loader = torch.utils.data.DataLoader(data, batch_size=4, num_workers=0)
read["batch action"] = np.asarray(next(iter(loader))["action"])
np.savez(out, **read)
