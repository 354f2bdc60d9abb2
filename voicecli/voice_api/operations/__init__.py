"""The 14 operations of 8x8's Voice API as values: what is sent, and how its answer is read."""
