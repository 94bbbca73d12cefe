"""Tasks, one file each; `import envs` registers every file here as `Monozukuri/<Task>-v0`."""
