"""The options that say what a call does, for the commands that place calls."""
