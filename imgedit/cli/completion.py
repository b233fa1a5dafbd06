"""What the shell may offer for an option: words, models, faces, devices."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from imgedit.settings import NO_FACE

if TYPE_CHECKING:
    from imgedit.models.library import Model

__all__ = ["benchmarks", "devices", "faces", "models", "no_face", "pulled", "words"]


def words(incomplete: str) -> list[str]:
    """Offer what the translate models can do: their words, and these with `no-`."""
    with contextlib.suppress(Exception):  # a shell that waits has no use for an error
        from imgedit.models import library

        return _beginning(incomplete, library.askable_words(_models("translate")))
    return []


def models(*kinds: str) -> Callable[[str], list[str]]:
    """Return what offers the models of some kinds, or of all, by id."""

    def offer(incomplete: str) -> list[str]:
        with contextlib.suppress(Exception):
            return _beginning(incomplete, [model.id for model in _models(*kinds)])
        return []

    return offer


def pulled(incomplete: str) -> list[str]:
    """Offer the pulled models, also damaged ones, by their repositories."""
    with contextlib.suppress(Exception):
        from imgedit.models import library

        cache = library.cache_folder()
        folders = [folder for folder in library.folders() if folder.parent == cache]
        return _beginning(incomplete, [folder.name.replace("--", "/") for folder in folders])
    return []


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
