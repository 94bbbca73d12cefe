"""Agents that see, read and act: pictures and an instruction in words to key poses.

`tokenizer` turns words into numbers, `network` says where, how high and how turned, `keyframe` is the policy
that goes there, `augment` disturbs pictures while learning, `samples` reads demonstrations, `fitting` and
`training` learn, `controls` blinds a policy for comparison.
"""
