"""``voicecli store``: its commands set up the store of a team, and bring data into it."""
