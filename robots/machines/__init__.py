"""Machine tools, one file with a `SPEC` each."""
