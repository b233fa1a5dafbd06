"""How packages, such as those of an extra, are added to the install that is running.

The name alone (`pip install 'imgedit[train]'`) would ask the package index, where a foreign project may bear it.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import Distribution

__all__ = ["how_to_add", "how_to_install", "how_to_replace"]

_PROJECT = "imgedit"


def how_to_add(extra: str) -> str:
    """Return the command that adds an extra to this very install."""
    return how_to_install(*_wanted(extra))


def how_to_install(*packages: str) -> str:
    """Return the command that adds packages to this very install; environments that uv made have no pip."""
    return _command("install", *packages)


def how_to_replace(packages: Sequence[str], package: str) -> str:
    """Return the commands that take packages out of this very install and put another into it."""
    # uv asks nothing, and knows no -y.
    return f"{_command('uninstall', *(['-y'] if _has_pip() else []), *packages)} && {how_to_install(package)}"


def _has_pip() -> bool:
    from importlib.util import find_spec

    return find_spec("pip") is not None


def _command(verb: str, *arguments: str) -> str:
    python = sys.executable or "python"
    pip = [python, "-m", "pip", verb] if _has_pip() else ["uv", "pip", verb, "--python", python]
    return shlex.join([*pip, *arguments])


def _wanted(extra: str) -> list[str]:
    """Return what pip is asked for: where this install came from, or the extra's own requirements."""
    from importlib import metadata  # these three cost a third of the command line's start
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    source = Path(__file__).resolve().parent.parent
    try:
        distribution = metadata.distribution(_PROJECT)
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return ["-e", f"{source}[{extra}]"]
    try:
        came_from = json.loads(distribution.read_text("direct_url.json") or "{}")  # PEP 610
        address = str(came_from["url"])
    except (ValueError, KeyError, TypeError):
        return _requirements(distribution, extra)
    if "dir_info" in came_from:
        folder = f"{url2pathname(urlsplit(address).path)}[{extra}]"
        return ["-e", folder] if came_from["dir_info"].get("editable") else [folder]
    if "vcs_info" in came_from:
        version = came_from["vcs_info"]
        address = f"{version.get('vcs', 'git')}+{address}@{version.get('commit_id', 'HEAD')}"
    return [f"{_PROJECT}[{extra}] @ {address}"]


def _requirements(distribution: Distribution, extra: str) -> list[str]:
    found = []
    for line in distribution.requires or []:
        requirement, _, marker = line.partition(";")
        if re.search(rf"extra\s*==\s*['\"]{re.escape(extra)}['\"]", marker):
            found.append(re.sub(r"\s*\(([^)]*)\)", r"\1", requirement).strip())
    return found
