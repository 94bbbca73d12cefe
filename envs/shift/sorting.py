"""Where parts go: measured or not, to good, rework or scrap, and back from rework."""

from __future__ import annotations

from envs.shift import draws
from envs.shift.floor import Floor, Part
from envs.shift.kernel import Process
from envs.shift.orders import planned_part_s

# Of reworked parts, that come good, and what their size scatters by as a share of the tolerance.
REWORK_GOOD, REWORK_SCATTER = 0.9, 0.25
_RUNOUT_GAUGE_MM = 0.005


class Sorting:
    """Measures and sorts parts.

    Args:
        floor: The shop floor.
    """

    def __init__(self, floor: Floor) -> None:
        self.floor = floor

    def arrive(self, part: Part) -> None:
        """The part is in hand for the first time."""
        if not part.arrived:
            part.arrived = True
            kind = part.type
            planned_s = planned_part_s(kind)
            self.floor.write("part_arrived", part.name, part_type=kind.name, planned_part_s=planned_s)
            self.floor.write("material", part.name, mass_kg=kind.blank_kg, chips_kg=kind.chips_kg)

    def measure(self, part: Part) -> Process:
        """Ask whether the part is gauged; gauging itself goes on beside everything else."""
        floor, cell = self.floor, self.floor.spec.cell
        tools = (
            ("gauge", "skip_gauge", "measure_by_hand") if cell.gauge else ("skip_gauge", "measure_by_hand")
        )
        tool, values = yield from floor.decide(
            "measuring", tools, since_gauged=floor.since_gauged, suspect=float(part.suspect),
            gauge_ok=float(cell.gauge),
        )  # fmt: skip
        if tool == "skip_gauge":
            floor.since_gauged += 1.0
            self.judge(part, "good")
            return
        floor.since_gauged = 0.0
        before = floor.lathe.corrected_um
        floor.measured[part.order] += 1
        floor.kernel.start(self._gauging(part, tool, float(values["guard_um"]), before))

    def _gauging(self, part: Part, tool: str, guard_um: float, corrected_um: float) -> Process:
        floor = self.floor
        by_hand = tool == "measure_by_hand"
        if by_hand:
            person = yield floor.pool.call()
            yield floor.work_s("measure_by_hand", hand=True)
            floor.gone(person)
        else:
            yield floor.spec.cell.gauge_s
        reading = floor.lathe.gauge(part.number, part.size_um, by_hand=by_hand)
        off = draws.normal(floor.seed, "runout gauge", part.number)
        runout = abs(max(part.runout_mm, part.gap_mm) + _RUNOUT_GAUGE_MM * off)
        floor.write("measurement", part.name, size_um=reading, runout_mm=runout)
        # Corrections since the part came out count against its reading.
        since = floor.lathe.corrected_um - corrected_um
        floor.lathe.remember(reading, part.ra_um, since)
        limit, kind = part.type.tolerance_um - guard_um, part.type
        floor.measured[part.order] -= 1
        if part.ra_um > kind.ra_limit_um or runout > kind.runout_limit_mm or reading < -limit:
            self.judge(part, "scrap")
        elif reading > limit:
            self.judge(part, "rework")
        else:
            self.judge(part, "good")

    def judge(self, part: Part, verdict: str) -> None:
        """Sort a part: good, rework or scrap."""
        floor = self.floor
        self.arrive(part)
        floor.write(f"part_{verdict}", part.name, order=part.order)
        if verdict == "good":
            floor.counts.good += 1
            for entry in floor.open:
                if entry.order.name == part.order:
                    entry.left -= 1
                    break
        elif verdict == "scrap":
            floor.counts.scrap += 1
        else:
            floor.rework.append(part)
        floor.notify()

    def rework(self) -> Process:
        """A person reworks what waits for it."""
        floor = self.floor
        floor.reworking = True
        person = yield floor.pool.call()
        while floor.rework:
            part = floor.rework.pop(0)
            yield floor.work_s("rework_part")
            size = part.type.tolerance_um * REWORK_SCATTER * draws.normal(floor.seed, "rework", part.number)
            limit = part.type.tolerance_um
            floor.write("characteristic", part.name, name="size_um", value=size, lower=-limit, upper=limit)
            good = draws.uniform(floor.seed, "rework good", part.number) < REWORK_GOOD
            self.judge(part, "good" if good and abs(size) <= limit else "scrap")
        floor.gone(person)
        floor.reworking = False
