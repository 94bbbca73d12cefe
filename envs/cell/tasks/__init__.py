"""Tasks, one file each; `import envs` registers every file here as `Monozukuri/<Task>-v0`."""

from configs.extensions import search_path

__path__ += search_path("tasks", __path__)
