"""A vertical turning centre with a three-jaw power chuck, its axis up."""

from robots.machine_body import MachineSpec

SPEC = MachineSpec()
