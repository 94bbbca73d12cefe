"""A small machining centre with a power vise on its table, its moving jaw on the robot's side."""

from robots.machine_body import MachineSpec

# 12 kN: a 100 mm power vise at about half its pressure.
SPEC = MachineSpec(workholding="vise", soft_force_n=25.0, clamp_force_n=12_000.0)
