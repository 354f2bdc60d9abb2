"""``voicecli call``: its arguments become requests and a ``Caller``, the results lines and an exit code."""
