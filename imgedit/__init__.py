"""Edit ordinary photos at full size with learned models.

    import imgedit
    imgedit.translate("photo.jpg", {"blond": 1.0}).save("blond.jpg")

Public names are loaded on first use (PEP 562), so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgedit.errors import (
        ConfigError,
        DataError,
        HubError,
        ImgeditError,
        ManifestError,
        ModelError,
        NoFaceError,
        OutputError,
        PhotoError,
        TrainingError,
        UnknownWordError,
    )
    from imgedit.faces import Face, detect
    from imgedit.hub import pull, push
    from imgedit.library import Model, available, find
    from imgedit.manifest import Manifest
    from imgedit.photo import Photo, read, write
    from imgedit.pipeline import Editor, Result, align, open_model, translate
    from imgedit.swapping import swap

_HOMES = {
    "imgedit.errors": (
        "ConfigError",
        "DataError",
        "HubError",
        "ImgeditError",
        "ManifestError",
        "ModelError",
        "NoFaceError",
        "OutputError",
        "PhotoError",
        "TrainingError",
        "UnknownWordError",
    ),
    "imgedit.faces": ("Face", "detect"),
    "imgedit.hub": ("pull", "push"),
    "imgedit.library": ("Model", "available", "find"),
    "imgedit.manifest": ("Manifest",),
    "imgedit.photo": ("Photo", "read", "write"),
    "imgedit.pipeline": ("Editor", "Result", "align", "open_model", "translate"),
    "imgedit.swapping": ("swap",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "DataError",
    "Editor",
    "Face",
    "HubError",
    "ImgeditError",
    "Manifest",
    "ManifestError",
    "Model",
    "ModelError",
    "NoFaceError",
    "OutputError",
    "Photo",
    "PhotoError",
    "Result",
    "TrainingError",
    "UnknownWordError",
    "__version__",
    "align",
    "available",
    "detect",
    "find",
    "open_model",
    "pull",
    "push",
    "read",
    "swap",
    "translate",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
