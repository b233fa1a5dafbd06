"""The error tree: everything that imgedit raises for a user to read.

Any module can import it at no cost. A message says what happened, with which value,
and what would be right, in one line; the command line prints it and leaves with the class's `exit_code`. Any other
exception is a bug.

Exit codes of the command line, one rule for all commands:

- 0: done.
- 1: a known error: a file that cannot be read or written, a damaged model, a hub out of reach.
- 2: wrong usage: what was typed cannot be meant, whatever the files hold (an unknown option, word or model, a strength
  beyond 0..1, options that contradict each other).
- 3: some inputs of a batch failed, the others are done.
- 4: no face or person was found, or not the one that was asked for.
- 130: interrupted by Ctrl-C; 143: ended by SIGTERM.
"""

from __future__ import annotations

from imgedit.text import shortened

__all__ = [
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
]


class ImgeditError(Exception):
    """Any known error; a subclass says what kind.

    Args:
        message: What happened, with which value, and what would be right; values too long to read are shortened.
        hint: What else would be right at the command line, such as an option; only the command line shows it.
    """

    exit_code: int = 1

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(shortened(message))
        self.hint = hint


class PhotoError(ImgeditError):
    """A photo cannot be read: missing, damaged, too large, or not an image."""


class ModelError(ImgeditError):
    """A model is unknown, damaged, or does not fit what is asked of it."""


class ManifestError(ModelError):
    """A model's `manifest.json` is missing, unreadable, or does not hold what it must."""


class UnknownModelError(ModelError):
    """No model of this name is here, or it does something else than it is wanted for."""

    exit_code = 2


class UnknownWordError(ImgeditError):
    """No model at hand knows an edit word."""

    exit_code = 2


class NoFaceError(ImgeditError):
    """A photo has no face, or not the one that was asked for."""

    exit_code = 4


class NoPersonError(NoFaceError):
    """A photo has no person whose body is seen."""


class OutputError(ImgeditError):
    """A file cannot be written: it exists already, or its folder is missing or closed."""


class BatchError(ImgeditError):
    """Some inputs of a batch failed; the others are done."""

    exit_code = 3


class DataError(ImgeditError):
    """A data set is missing, incomplete, or not in its documented layout."""


class ConfigError(ImgeditError):
    """A setting is unknown or has a value that it cannot have."""

    exit_code = 2


class TrainingError(ImgeditError):
    """A training run cannot go on, such as after a non-finite loss."""


class HubError(ImgeditError):
    """A model could not be pulled from, or pushed to, the model hub."""


class EditWarning(UserWarning):
    """An edit changes nothing or little, and why; the command line prints it, Python callers get it as a warning."""
