"""What is kept: events, attempts, guards and runs, unsubscribed people, broadcasts and their rows, and
webhooks to put back. All SQL is in this room; others hand a ``Store`` to its functions and see nothing of it.

What each engine promises, and tests/store/test_contract.py asks of it:

- A function that writes does so as one transaction: all of it or nothing, whatever ends the process; what it
  has read to decide is still true when it writes. One that goes on in steps says so.
- When it returns, what it wrote is on the disk, and every process that looks from then on sees it.
- Who looks sees what others have committed and nothing else, and holds nobody up for longer than a page.
- Events are numbered in the order in which they are committed: whoever has read up to one has missed none
  with a lower number, however long another process took to commit.
- Errors: StoreBusy where another process holds the store for longer than is waited for it (nothing was
  written; it can be tried again); StoreFailed where the disk is full or the store damaged (nothing was
  written), or where it was removed or replaced (nobody finds what was written); ConfigurationError where it
  can't be opened, and where a newer voicecli has made it.
"""
