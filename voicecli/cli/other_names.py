"""What people type who know other programs, and what it is called here."""

_SETTINGS = "No login is needed: the API key is a setting. See voicecli help settings."
ADVICE = {
    **dict.fromkeys(("login", "logout", "auth", "init", "setup", "configure", "key", "token"), _SETTINGS),
    "status": "For calls: voicecli sessions. For a list: voicecli broadcast show ID.",
    "version": "voicecli --version shows it.",
    "completion": "voicecli --install-completion sets it up.",
}
"""Hints for words in the place of a command."""
COMMANDS = {
    **dict.fromkeys(("dial", "phone", "ring", "say", "speak"), ("call",)),
    **dict.fromkeys(("bulk", "campaign", "blast"), ("broadcast",)),
    **dict.fromkeys(("history", "calls", "outcome", "outcomes"), ("sessions",)),
    **dict.fromkeys(("ngrok", "tunnel", "server", "serve", "receive", "register"), ("listen",)),
    **dict.fromkeys(("tail", "follow"), ("events",)),
    **dict.fromkeys(("settings", "configuration", "env"), ("config",)),
    **dict.fromkeys(("try", "test", "example"), ("demo",)),
    **dict.fromkeys(("team", "database", "db", "postgresql", "postgres"), ("store",)),
    **dict.fromkeys(("init", "setup", "upgrade", "migrate"), ("migrate", "store migrate")),
    **dict.fromkeys(("import", "copy"), ("copy", "store copy")),
    "report": ("results", "broadcast results"),
    "add": ("set",),
    "update": ("set",),
    **dict.fromkeys(("remove", "rm"), ("delete",)),
    "ls": ("list",),
    "get": ("list", "export"),
    "download": ("export",),
    **dict.fromkeys(("status", "view", "info"), ("show",)),
    **dict.fromkeys(("cancel", "pause", "kill"), ("stop",)),
    **dict.fromkeys(("continue", "restart", "retry"), ("resume",)),
    **dict.fromkeys(("create", "new", "start", "run"), ("send",)),
}
"""Commands by the names that they have elsewhere: the first that there is."""
OPTIONS = {
    **dict.fromkeys(("--number", "--phone", "--recipient", "--call"), ("--to",)),
    **dict.fromkeys(("--text", "--msg", "--say", "--body", "-m"), ("--message",)),
    **dict.fromkeys(("--list", "--csv", "--input"), ("--file",)),
    "--session": ("--id",),
    **dict.fromkeys(("-v", "--verbose"), ("--version", "--debug")),
    "-V": ("--version",),
    **dict.fromkeys(("-n", "--simulate", "--test"), ("--dry-run",)),
    **dict.fromkeys(("-s", "--silent"), ("--quiet",)),
    **dict.fromkeys(("-j", "--format"), ("--json",)),
    **dict.fromkeys(("--caller-id", "--source", "--sender"), ("--from",)),
    **dict.fromkeys(("--lang", "--language"), ("--locale", "--voice")),
    "--country": ("--region",),
    "--skip": ("--skip-invalid",),
    "--url": ("--public-url", "--to"),
    "--last": ("--limit",),
    "--max": ("--limit", "--max-calls"),
    "--limit": ("--max-calls",),
    "--from": ("--since",),
    "--since": ("--from",),
    "--tail": ("--follow",),
    "-d": ("--data",),
    "--ngrok": ("--domain",),
    "--type": ("--only",),
}
"""Options by the names that they have elsewhere: those that there are, the likeliest first."""
WITH_VALUE = {
    "--wait": "--timeout",
    "--once": "--within",
    "--hash": "--digits",
    "--register": "--events",
}
"""Switches, and the options that take the value that people give to the switch."""
ADVICE_FOR_OPTIONS = {
    ("voicecli broadcast send", "--once"): "It belongs to voicecli call; a list is never sent twice anyway.",
}
"""Commands and options that they do not have, and what to do instead."""
RELATED = {"voicecli call": ("voicecli broadcast send",), "voicecli broadcast send": ("voicecli call",)}
"""Commands, and those whose options people expect there."""
LISTERS = {"ID": "voicecli broadcast list", "SESSION": "voicecli sessions"}
"""The commands that show the values of an argument."""
FOR_ARGUMENTS = {
    "voicecli api": "--data",
    "voicecli events": "--session",
    "voicecli listen": "--port",
    "voicecli prune": "--older-than",
    "voicecli stats": "--since",
    "voicecli trigger": "--status",
    "voicecli voices": "--locale",
}
"""Commands, and the option that is meant where there is an argument too many."""
EVENT_TYPES = {"vca", "vss", "vcs", "vru", "vnu"}
