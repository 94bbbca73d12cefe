"""What is never done, whoever asks: the interlocks of cell and machine."""

from __future__ import annotations

from dataclasses import dataclass

NO_SPINDLE_ON_ARM = "no spindle-on with the arm inside"
NO_DOOR_ON_ARM = "no door on the arm"
NO_CYCLE_UNSEATED = "no cycle without a seated part"
NO_CYCLE_DOOR_OPEN = "no cycle with the door open"
NO_OPENING_WHILE_TURNING = "nothing opens while the spindle turns"
NO_PROGRAM = "no program of this part type"
ROBOT_STANDS = "the robot stands until its alarm is cleared"


@dataclass
class Guard:
    """What the safety controller knows.

    Attributes:
        door_open: Whether the machine's door is open.
        arm_inside: Whether the arm reaches in.
        clamped: Whether the chuck is clamped.
        seat_ok: Whether the seat's sensor tells that a part bears.
        spindle_on: Whether the spindle turns.
        robot_stopped: Whether the robot is in a protective stop.
    """

    door_open: bool = True
    arm_inside: bool = False
    clamped: bool = False
    seat_ok: bool = False
    spindle_on: bool = False
    robot_stopped: bool = False

    def refuses(self, action: str) -> str:
        """Return the rule that an action breaks now, "" where it breaks none.

        Args:
            action: "cycle_start", "close_door", "open_door", "unclamp", "enter".
        """
        inside, seated = self.arm_inside, self.clamped and self.seat_ok
        rules = {
            "cycle_start": (
                (inside, NO_SPINDLE_ON_ARM), (not seated, NO_CYCLE_UNSEATED),
                (self.door_open, NO_CYCLE_DOOR_OPEN),
            ),
            "close_door": ((inside, NO_DOOR_ON_ARM),),
            "open_door": ((self.spindle_on, NO_OPENING_WHILE_TURNING),),
            "unclamp": ((self.spindle_on, NO_OPENING_WHILE_TURNING),),
            "enter": ((self.spindle_on, NO_SPINDLE_ON_ARM), (self.robot_stopped, ROBOT_STANDS)),
        }[action]  # fmt: skip
        return next((rule for broken, rule in rules if broken), "")

    def check(self, action: str) -> None:
        """Take an action that must be safe here.

        Raises:
            RuntimeError: where it is not: the cell's own sequence is wrong.
        """
        if rule := self.refuses(action):
            raise RuntimeError(f"{action}: {rule}")


# What choosing a tool asks of the machine or the robot.
ACTION_OF = {
    "cut": "cycle_start", "go_on": "cycle_start", "load": "enter", "unload": "enter", "retry": "enter",
    "reseat": "enter", "air_blow": "enter",
}  # fmt: skip
