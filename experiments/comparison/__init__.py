"""What `experiments.compare` is made of: modes, shifts, sums and statistics, charts, maps and the report."""
