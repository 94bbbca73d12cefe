"""Tasks in a machine-tool cell."""
