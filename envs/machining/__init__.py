"""Machining physics as pure array functions: force, wear, surface, chatter, heat, energy.

Arguments are scalars or arrays that broadcast; results are NumPy values of the broadcast shape, 0-d for
scalars. Units are in the names. What is outside a model's range is a `ValueError` that names the argument,
its value and the range. Nothing here draws random numbers: scatter takes the draws as an argument.

An element of a result does not depend on what else is in the array, to the last bit: no matrix products, no
reductions over the batch, no power function with shortcuts for some exponents. Fits and stability
(`wear.fit_*`, `chatter.zero_order_lobes`, `chatter.floquet_*`) are for planning and hold no such promise.
"""
