"""Machine tools, one file with a `SPEC` each."""

from configs.extensions import search_path

__path__ += search_path("machines", __path__)
