"""What the package's metadata says of the place where it is published; hatchling calls it in each build.

A package index shows the README without the files beside it. With VOICECLI_REPOSITORY, the address of the
repository (such as https://github.com/OWNER/voicecli), its pictures and links lead there, to the tag of this
version. Without it, as in builds that nobody publishes, pictures become their descriptions, and links words.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE = re.compile(r"(?P<picture>!?)\[(?P<words>[^]]*)\]\((?![a-z]+:|#)(?P<path>[^)]+)\)")
PAGES = {
    "Repository": "",
    "Documentation": "/tree/v{version}/voicecli/manual",
    "Changelog": "/blob/v{version}/voicecli/manual/changes.md",
    "Issues": "/issues",
}


class CustomMetadataHook(MetadataHookInterface):
    """Gives ``readme`` and ``urls``, which pyproject.toml calls dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        repository = os.environ.get("VOICECLI_REPOSITORY", "").rstrip("/")
        version = metadata["version"]
        text = (Path(self.root) / "README.md").read_text("utf-8")
        text = RELATIVE.sub(lambda link: published(link, repository, version), text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        pages = PAGES if repository else {}
        metadata["urls"] = {name: repository + page.format(version=version) for name, page in pages.items()}


def published(link: re.Match[str], repository: str, version: str) -> str:
    """A link to a file beside the README as a package index can show it."""
    if not repository:
        return f"*{link['words']}*" if link["picture"] else link["words"]
    kind = "raw" if link["picture"] else "blob"
    return f"{link['picture']}[{link['words']}]({repository}/{kind}/v{version}/{link['path']})"
