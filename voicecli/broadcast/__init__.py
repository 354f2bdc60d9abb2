"""Many calls: who is to be called and what each of them is told."""
