"""A small machining centre with a power vise on its table, set up for the robot's side.

Half the soft force of three jaws presses on one; the clamping force is that of a 100 mm vise at half pressure.
"""

from robots.machine_body import MachineSpec

SPEC = MachineSpec(workholding="vise", soft_force_n=25.0, clamp_force_n=12_000.0)
