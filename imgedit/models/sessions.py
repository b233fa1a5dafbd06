"""The one way from a model to a session: the kind is checked once, and each graph is opened once."""

from __future__ import annotations

from os import PathLike

from imgedit.errors import UnknownModelError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.runtime import Session

__all__ = ["Sessions", "check_kind"]


class Sessions:
    """Open graphs of models on one device, and keep them open.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`, as in `devices.providers`.
        threads: of one run on a processor; None for `devices.default_threads()`.
    """

    def __init__(self, device: str = "auto", threads: int | None = None) -> None:
        self.device = device
        self._threads = threads
        self._open: dict[tuple[str, str], Session] = {}

    def find(self, name: str | PathLike[str], kind: str) -> Model:
        """Find a model and insist on what it does.

        Args:
            name: as in `library.find`.
            kind: one of `schema.KINDS`.

        Raises:
            ModelError: there is no such model, it is damaged, or it does something else.
        """
        return check_kind(library.find(name), kind)

    def open(self, model: Model, role: str) -> Session:
        """Return the session of one graph of a model; it is read, hashed, checked and loaded at the first call.

        The memory of models that are not bundled is limited (`devices.MEMORY_LIMIT`).

        Raises:
            ModelError: there is no such role, or the graph is damaged or refused.
            ConfigError: the device is unknown or absent.
        """
        key = (str(model.folder), role)
        if key not in self._open:
            self._open[key] = Session(
                model.read(role),
                self.device,
                self._threads,
                name=f"{model.id}: {role}",
                is_limited=not model.is_bundled,
            )
        return self._open[key]


def check_kind(model: Model, kind: str) -> Model:
    """Return the model if it is of a kind.

    Raises:
        UnknownModelError: it does something else.
    """
    if model.manifest.kind != kind:
        raise UnknownModelError(f"model {model.id} is there to {model.manifest.kind}, not to {kind}")
    return model
