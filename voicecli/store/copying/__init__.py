"""Brings all that one store has into another: a machine's SQLite file into the database of its team. What is
there already stays as it is, so it can be done again, after an interruption or for what is new."""
