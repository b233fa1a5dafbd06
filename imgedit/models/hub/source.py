"""Where something pulled came from, and how much may be pulled."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from imgedit.errors import HubError
from imgedit.files import read_file, write_whole

__all__ = ["MAX_BYTES", "SOURCE", "TIMEOUT", "Source", "check_size", "source_of"]

TIMEOUT = 1800.0
"""Seconds that a pull may take as a whole."""
MAX_BYTES = 4 << 30
"""Most bytes that are pulled at once."""
SOURCE = "pulled.json"
"""File in a pulled folder that says where it came from."""

_LIMIT = 1 << 16  # bytes of that file


@dataclass(frozen=True)
class Source:
    """Where a pulled folder came from.

    Attributes:
        repo: `owner/name`.
        revision: the branch, tag or commit that was asked for; None for the main branch.
        commit: what that was when it was pulled.
        licence: the licence that was shown then.
    """

    repo: str
    revision: str | None
    commit: str
    licence: str

    def write(self, folder: Path) -> None:
        """Write `pulled.json` into a folder.

        Raises:
            OutputError: it cannot be written.
        """
        write_whole(folder / SOURCE, json.dumps(asdict(self), indent=2) + "\n")

    def is_commit(self, revision: str | None) -> bool:
        """Tell whether a revision is this very commit."""
        return bool(revision) and revision == self.commit


def source_of(folder: Path) -> Source | None:
    """Return where a folder came from; None for one that was not pulled, or by an older imgedit."""
    try:
        return Source(**json.loads(read_file(folder / SOURCE, _LIMIT)))
    except (OSError, ValueError, TypeError):
        return None


def check_size(total: int, repo_id: str, wanted: int | None) -> None:
    """Complain of more bytes than the user wants, or than `MAX_BYTES`.

    Raises:
        HubError: they are more.
    """
    limit = MAX_BYTES if wanted is None else min(wanted, MAX_BYTES)
    if total > limit:
        raise HubError(
            f"{repo_id}: its files have {_amount(total)}, more than {_amount(limit)}",
            hint="allow more with --max-size" if limit < MAX_BYTES else "",
        )


def _amount(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
