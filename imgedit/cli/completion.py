"""What the shell may offer for an option: words, models, faces, devices."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from imgedit.settings import NO_FACE

if TYPE_CHECKING:
    from imgedit.models.library import Model

__all__ = ["benchmarks", "devices", "faces", "models", "no_face", "words"]


def words(incomplete: str) -> list[str]:
    """Offer the words of the translate models, and for `no-` their negations."""
    with contextlib.suppress(Exception):  # a shell that waits has no use for an error
        known = [word for model in _models("translate") for word in model.manifest.words]
        return _beginning(incomplete, [*known, *(f"no-{word}" for word in known)])
    return []


def models(*kinds: str) -> Callable[[str], list[str]]:
    """Return what offers the models of some kinds, or of all, by id."""

    def offer(incomplete: str) -> list[str]:
        with contextlib.suppress(Exception):
            return _beginning(incomplete, [model.id for model in _models(*kinds)])
        return []

    return offer


def faces(incomplete: str) -> list[str]:
    """Offer the names that `--face` takes."""
    return _beginning(incomplete, ["largest", "all", "left", "right", "smallest", "nearest:", "0", "1"])


def benchmarks(incomplete: str) -> list[str]:
    """Offer the parts of the benchmark."""
    return _beginning(incomplete, ["start", "edits", "detection", "folder", "models"])


def no_face(incomplete: str) -> list[str]:
    """Offer what `--no-face` takes."""
    return _beginning(incomplete, list(NO_FACE))


def devices(incomplete: str) -> list[str]:
    """Offer the names that `--device` takes."""
    return _beginning(incomplete, ["auto", "cpu", "cuda", "cuda:0"])


def _models(*kinds: str) -> list[Model]:
    from imgedit.cli.common import show_logs
    from imgedit.models import library

    show_logs(quiet=True)
    return [model for model in library.available() if not kinds or model.manifest.kind in kinds]


def _beginning(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]
