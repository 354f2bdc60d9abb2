"""One call as it went: the one fold of its events, what is pending and open, attempts, counts and statistics.
It does no I/O, and everything that is said of a call derives from ``Session``."""
