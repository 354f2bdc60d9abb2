"""Calls to many people: who, when, how fast, and what became of each."""
