"""What is kept: events, attempts, guards and runs, unsubscribed people, broadcasts and their rows, and
webhooks to put back. All SQL is in this room; others hand a ``Store`` to its functions and see nothing of it.

What each engine promises, and tests/store/test_contract.py asks of it:

- A function that writes does so in one transaction: all or nothing, whatever ends the process; what it has
  read to decide is still true when it writes. One that works in steps says so.
- When it returns, its writes are on the disk, and every process sees them from then on.
- A reader sees what others have committed and nothing else, and blocks writers no longer than a page takes.
- Events are numbered in the order of their commits: a reader that has read up to one has missed none with a
  lower number, however long another process took to commit.
- StoreBusy: another process held the store for too long; nothing was written, and it can be tried again.
  StoreFailed: the disk is full or the store damaged, and nothing was written; or the store was removed or
  replaced, and nobody will find what was written. ConfigurationError: it can't be opened, or a newer voicecli
  has made it.

A database may be out of reach (PostgreSQL's): StoreUnreachable, and ConfigurationError from it where it could
not be opened. Whether what was being written is there, or will be in a moment, nobody knows then. What is
read in an exclusive ``transaction`` after that is how a ``transaction`` before has ended, since that has the
lock until it has; what went there in one message (``write_at_once``, ``execute_alone``) may come later still,
and must be such that it then changes nothing.
"""
