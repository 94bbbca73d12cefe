"""The vertical turning centre with a door without a drive, which is opened by its handle."""

from robots.machine_body import MachineSpec

SPEC = MachineSpec(door_drive="hand")
