"""Would a call with ``--wait`` work, and if not, what is in the way? Each check yields what it found and what
to do about it; nothing is placed, and nothing at 8x8 changed."""
