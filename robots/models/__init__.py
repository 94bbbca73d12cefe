"""One file an arm: `SPEC`, an `ArmSpec`, named as the file is."""

from configs.extensions import search_path

__path__ += search_path("arms", __path__)
