"""Edit ordinary photos at full size with learned models.

    import imgedit
    imgedit.translate("photo.jpg", {"blond": 1.0})  # writes photo.blond.jpg and returns its path

A Pillow image or an array comes back as what it was: `imgedit.translate(image, "blond").save("blond.jpg")`.

Public names are loaded on first use (PEP 562), so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module

from imgedit.privacy import switch_off_telemetry

switch_off_telemetry()

TYPE_CHECKING = False
# `typing` takes longest of all to load, and Ctrl-C in that time would be a traceback (`__main__` comes after this).
if TYPE_CHECKING:
    from imgedit.editor import Editor, Result, align
    from imgedit.edits.sample import sample
    from imgedit.errors import (
        BatchError,
        ConfigError,
        DataError,
        EditWarning,
        HubError,
        ImgeditError,
        ManifestError,
        ModelError,
        NoFaceError,
        NoPersonError,
        OutputError,
        PhotoError,
        TrainingError,
        UnknownModelError,
        UnknownWordError,
    )
    from imgedit.functions import frontalize, interpolate, open_model, pose, sleeves, translate
    from imgedit.models.hub import pull, push
    from imgedit.models.library import Model, available, find
    from imgedit.models.manifest import Manifest
    from imgedit.photo import Photo, read, write
    from imgedit.transfer import express, swap
    from imgedit.vision.faces import Face, detect

_HOMES = {
    "imgedit.errors": (
        "BatchError",
        "ConfigError",
        "DataError",
        "EditWarning",
        "HubError",
        "ImgeditError",
        "ManifestError",
        "ModelError",
        "NoFaceError",
        "NoPersonError",
        "OutputError",
        "PhotoError",
        "TrainingError",
        "UnknownModelError",
        "UnknownWordError",
    ),
    "imgedit.vision.faces": ("Face", "detect"),
    "imgedit.models.hub": ("pull", "push"),
    "imgedit.models.library": ("Model", "available", "find"),
    "imgedit.models.manifest": ("Manifest",),
    "imgedit.photo": ("Photo", "read", "write"),
    "imgedit.editor": ("Editor", "Result", "align"),
    "imgedit.functions": ("frontalize", "interpolate", "open_model", "pose", "sleeves", "translate"),
    "imgedit.edits.sample": ("sample",),
    "imgedit.transfer": ("express", "swap"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"

__all__ = [
    "BatchError",
    "ConfigError",
    "DataError",
    "EditWarning",
    "Editor",
    "Face",
    "HubError",
    "ImgeditError",
    "Manifest",
    "ManifestError",
    "Model",
    "ModelError",
    "NoFaceError",
    "NoPersonError",
    "OutputError",
    "Photo",
    "PhotoError",
    "Result",
    "TrainingError",
    "UnknownModelError",
    "UnknownWordError",
    "__version__",
    "align",
    "available",
    "detect",
    "express",
    "find",
    "frontalize",
    "interpolate",
    "open_model",
    "pose",
    "pull",
    "push",
    "read",
    "sample",
    "sleeves",
    "swap",
    "translate",
    "write",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
