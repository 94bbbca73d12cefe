"""Who does the work: taught programs, experts, reinforcement learning, imitation."""

from configs.extensions import search_path

__path__ += search_path("agents", __path__)
