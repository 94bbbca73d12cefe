"""A bench gauge: measures the size across of what stands well on its anvil."""

from __future__ import annotations

# Repeatability of a comparator with a linear probe, 1 % of a tolerance of 0.05 mm.
REPEATABILITY_UM = 0.5
SETTLE_S = 0.15


class Gauge:
    """Reads once a part has stood on the anvil for `SETTLE_S`, nobody near it.

    Attributes:
        reading_mm: The last reading; 0 where there is none, or the part has been taken away.
    """

    def __init__(self, within_m: float, error_um: float = 0.0):
        """Takes how far from its axis it still measures, and this episode's error of measurement."""
        self.within_m, self.error_um = within_m, error_um
        self.reading_mm = self._stood_s = 0.0

    def sense(self, off_m: float, gap_m: float, size_mm: float, *, clear: bool, period_s: float) -> bool:
        """Looks once a control period; True where it has read just now.

        Args:
            off_m: Distance of the part's axis from the gauge's.
            gap_m: Gap between part and anvil.
            size_mm: The part's true size across.
            clear: Whether the hand is away.
            period_s: Time since the last look.
        """
        if off_m > self.within_m or abs(gap_m) > 0.001:
            self.reading_mm = self._stood_s = 0.0
            return False
        self._stood_s = self._stood_s + period_s if clear else 0.0
        if self.reading_mm or self._stood_s < SETTLE_S:
            return False
        self.reading_mm = size_mm + 1e-3 * self.error_um
        return True
