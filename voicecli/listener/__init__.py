"""The webhook receiver: it authenticates, stores and answers what 8x8 reports, registers with 8x8, and knows
whether 8x8 reaches it. What to answer to a VCA (``Replier``), other routes and what to show are handed in."""
