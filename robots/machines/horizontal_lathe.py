"""A slant-bed turning centre: a three-jaw power chuck, its axis level and towards the robot.

It stands farther from the robot than the others, so that arms can turn a tool level before the door, and at a
height at which all of them reach the chuck so. Jaws, stop and fingers hold a part at once as it is clamped:
at 300 physics steps a second it now and then tilts by more than 0.1 mm, at 600 by a third as much.
"""

from robots.machine_body import MachineSpec

SPEC = MachineSpec(spindle="level", chuck_m=(0.65, 0.0, 0.42), front_x_m=0.58, rate_hz=600)
