"""The small program that runs a machine tool, the same for every agent."""

from __future__ import annotations

from robots.machine_tool import MachineTool
from robots.workholding import Clamp


class Plc:
    """The machine's loading program.

    - part present and arm still for `STILL_S`: close the jaws gently;
    - gripper open and jaws at rest, so that the part is centred: clamp hard; a level spindle does so while
      the gripper still holds, `DWELL_S` after the gentle clamp: a part let go of would droop between gentle
      jaws;
    - not clamped and seated within `SEAT_S`: alarm, open, wait until the part has been lifted out, blow;
    - clamped, seated and arm clear: close the door; door closed: start the cycle, once for each part;
    - cycle over: open the door; gripper closed on the machined part and arm still: unclamp.

    Where the robot commands the machine, only what makes a clamping safe is left to it: soft before hard, and
    open again what is not seated.
    """

    STILL_S = 0.15
    SEAT_S = 0.50
    DWELL_S = 1.0

    def __init__(self, machine: MachineTool, *, commanded: bool = False):
        self.machine, self.commanded = machine, commanded
        self._still_s = self._unseated_s = self._soft_s = 0.0
        self._lift_out = False
        # What is clamped when the program starts has been machined.
        self._machined = machine.grip == Clamp.HARD

    @property
    def machined(self) -> bool:
        """Whether the part in the machine has been machined."""
        return self._machined

    @property
    def wants_removal(self) -> bool:
        """Whether a badly seated part must be lifted out before the jaws close again."""
        return self._lift_out

    def ask(self, what: str) -> bool:
        """Passes the robot's request on; "clamp" begins gently, as whatever else clamps does."""
        if what == "clamp" and self.machine.clamp == Clamp.OPEN:
            return self.machine.set_clamp(Clamp.SOFT)
        return what == "clamp" or self.machine.request(what)

    def scan(self, arm_still: bool, gripper_open: bool, gripped: bool, period_s: float) -> None:
        """One scan, after `MachineTool.sense`, with what the robot's controller tells."""
        m = self.machine
        self._still_s = self._still_s + period_s if arm_still else 0.0
        if not m.part_present:
            if self._lift_out:
                m.request("blow")
            self._lift_out = self._machined = False
            if m.clamp != Clamp.OPEN and m.execution != "ACTIVE":
                m.set_clamp(Clamp.OPEN)
            return
        if m.clamp == Clamp.OPEN:
            waits = self._lift_out or self._machined
            if self._still_s >= self.STILL_S and not waits and m.arm_inside and not self.commanded:
                m.set_clamp(Clamp.SOFT)
                self._soft_s = 0.0
        elif m.clamp == Clamp.SOFT:
            self._soft_s += period_s
            ready = self._soft_s >= self.DWELL_S if m.spec.level else gripper_open
            if ready and m.fixture.still:
                self._unseated_s = 0.0
                m.set_clamp(Clamp.HARD)
        else:
            self._serve_clamped(gripped, period_s)

    def _serve_clamped(self, gripped: bool, period_s: float) -> None:
        m = self.machine
        if not (m.seat_ok and m.grip == Clamp.HARD):
            self._unseated_s += period_s
            if self._unseated_s >= self.SEAT_S:
                self._lift_out = True
                m.raise_alarm("seat")
                m.set_clamp(Clamp.OPEN)
        elif self.commanded:
            self._machined = m.cycles_done > 0
        elif self._machined and m.arm_inside:
            if gripped and self._still_s >= self.STILL_S:
                m.set_clamp(Clamp.OPEN)
        elif not m.arm_inside and m.execution == "READY":
            if self._machined:
                if m.spec.door_drive == "power":
                    m.request("open door")
            elif m.door_target == "OPEN":
                m.request("close door")
            elif m.door == "CLOSED":
                self._machined = m.request("cycle start")
