"""Agents that see, read and act: pictures and an instruction in words to key poses, or to chunks of actions.

Shared: `tokenizer` turns words into numbers, `network` says where, how high and how turned, `seeing` looks
with it, `augment` disturbs pictures while learning, `samples` reads demonstrations, `averaging` and `fitting`
fit, `training` learns. `keyframe` goes to what is seen by key poses. `chunk` says the next actions:
`pointing` remembers what was seen, `senses` tells it to the hand, `body` moves, `motions`, `moving` and
`chunk_training` learn that.
"""
