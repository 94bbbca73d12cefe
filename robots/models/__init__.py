"""One file an arm: `SPEC`, an `ArmSpec`, named as the file is."""
