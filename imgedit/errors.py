"""The error tree: everything that imgedit raises for a user to read.

Standard library only, so that any module can import it at no cost. A message says what happened, with which value,
and what would be right, in one line; the command line prints it and leaves with the class's `exit_code`. Any other
exception is a bug.
"""

from __future__ import annotations

__all__ = [
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
]


class ImgeditError(Exception):
    """Any known error; a subclass says what kind."""

    exit_code: int = 1


class PhotoError(ImgeditError):
    """A photo cannot be read: missing, damaged, too large, or not an image."""


class ModelError(ImgeditError):
    """A model is unknown, damaged, or does not fit what is asked of it."""


class ManifestError(ModelError):
    """A model's `manifest.json` is missing, unreadable, or does not hold what it must."""


class UnknownWordError(ImgeditError):
    """No model at hand knows an edit word."""


class NoFaceError(ImgeditError):
    """A photo has no face, or not the one that was asked for."""

    exit_code = 4


class OutputError(ImgeditError):
    """A file cannot be written: it exists already, or its folder is missing or closed."""


class DataError(ImgeditError):
    """A data set is missing, incomplete, or not in its documented layout."""


class ConfigError(ImgeditError):
    """A setting is unknown or has a value that it cannot have."""

    exit_code = 2


class TrainingError(ImgeditError):
    """A training run cannot go on, such as after a non-finite loss."""


class HubError(ImgeditError):
    """A model could not be pulled from, or pushed to, the model hub."""
