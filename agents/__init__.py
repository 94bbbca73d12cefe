"""Who does the work: taught programs, experts, reinforcement learning, imitation."""
