"""The manual: a Markdown file for each topic, shown by ``voicecli help TOPIC`` and read on the web.

A page begins with its title, and the first sentence below that says in one line what the page is about.
"""

import re
from pathlib import Path

TOPICS = (
    "calls",
    "lists",
    "texts",
    "answers",
    "results",
    "alerts",
    "listening",
    "service",
    "team",
    "handlers",
    "trying",
    "windows",
    "library",
    "from-the-example",
    "exit-codes",
    "settings",
    "account",
    "json",
    "security",
    "limits",
    "changes",
)
"""In the order in which people need them."""
_LINK = re.compile(r"\[([^]]+)\]\(([a-z-]+)\.md\)")


def page(topic: str) -> str:
    """A page as Markdown, in which a link to another page is the command that shows it."""
    return _LINK.sub(_command, _source(topic))


def summary(topic: str) -> str:
    """The first sentence of a page."""
    _, _, text = _source(topic).partition("\n\n")
    return text.split("\n\n")[0].replace("\n", " ").partition(". ")[0].rstrip(".")


def _source(topic: str) -> str:
    return Path(__file__).with_name(f"{topic}.md").read_text("utf-8")


def _command(link: re.Match[str]) -> str:
    text, topic = link.groups()
    command = f"`voicecli help {topic}`"
    return command if text == topic else f"{text} ({command})"
