"""What ``doctor`` checks: whether a call with ``--wait`` would work, and if not, why. Each check yields what
it found; none places a call or changes anything at 8x8."""
