"""Which models are here: bundled with the package, pulled into the cache, or any folder.

A model is asked for by its id (`stargan_hair.celeba`), by the hub repository it was pulled from (`someone/hair`), or by
the path of its folder. What is bundled comes first, so that a pulled model never silently replaces it: name that one by
its repository.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imgedit.errors import ManifestError, ModelError, UnknownModelError
from imgedit.models import manifest as manifests
from imgedit.models.manifest import Manifest

__all__ = ["Model", "available", "bundled_folder", "cache_folder", "find", "known_words", "load"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Model:
    """A model folder with a manifest that was read and checked.

    Attributes:
        manifest: what it says about itself.
        folder: where it lies.
    """

    manifest: Manifest
    folder: Path

    @property
    def id(self) -> str:
        """The manifest's id."""
        return self.manifest.id

    def has(self, role: str) -> bool:
        """Whether the model has a graph of this role."""
        return role in self.manifest.graphs

    def graph(self, role: str) -> Path:
        """Return the ONNX file of a role, after comparing it with its hash.

        Raises:
            ModelError: there is no such role.
            ManifestError: the file cannot be read or differs from its hash.
        """
        if role not in self.manifest.graphs:
            raise ModelError(f"model {self.id} has no graph {role!r}, it has {', '.join(sorted(self.manifest.graphs))}")
        entry = self.manifest.graphs[role]
        path = self.folder / entry.file
        try:
            found = manifests.sha256_of(path)
        except OSError as error:
            raise ManifestError(f"cannot read {path}: {error.strerror or error}") from error
        if found != entry.sha256:
            raise ManifestError(f"{path} is damaged (its SHA-256 is not the manifest's); get the model again")
        return path


def bundled_folder() -> Path:
    """Return the folder of the models that ship with imgedit."""
    return Path(__file__).parent.parent / "bundled"


def cache_folder() -> Path:
    """Return the folder of pulled models: `$IMGEDIT_HOME/models`, else `models` in the user's cache folder."""
    home = os.environ.get("IMGEDIT_HOME")
    if home:
        return Path(home).expanduser() / "models"
    import platformdirs

    return Path(platformdirs.user_cache_dir("imgedit", appauthor=False)) / "models"


def load(folder: Path) -> Model:
    """Read a model folder.

    Raises:
        ManifestError: the folder is no model, or a damaged one.
    """
    return Model(manifests.read(folder), Path(folder))


def available(kind: str | None = None) -> list[Model]:
    """Return the models that are here, bundled ones first, each group by name; damaged ones are logged and left out.

    Args:
        kind: only models of this kind.
    """
    models = []
    for folder in _folders():
        try:
            model = load(folder)
        except ManifestError as error:
            _log.warning("left out a damaged model: %s", error)
            continue
        if kind is None or model.manifest.kind == kind:
            models.append(model)
    return models


def find(name: str | os.PathLike[str]) -> Model:
    """Return the model of an id, a pulled repository, or a folder.

    Raises:
        UnknownModelError: there is no such model; the message names the nearest and all known ones.
        ManifestError: there is, but it is damaged.
    """
    text = os.fspath(name)
    if isinstance(name, Path) or Path(text).is_dir():
        return load(Path(name))
    # The bundled folders bear their model's id, so the usual case reads a single manifest.
    for folder in (bundled_folder() / text, cache_folder() / text.replace("/", "--")):
        if text and folder.parent.joinpath(folder.name) == folder and (folder / manifests.FILE).is_file():
            return load(folder)
    models = available()
    for model in models:
        if model.id == text:
            return model
    known = list(dict.fromkeys(model.id for model in models))
    near = difflib.get_close_matches(text, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UnknownModelError(
        f"no model {text!r}{hint} (known: {', '.join(known) or 'none'}; or give a model folder, or pull one)"
    )


def known_words(models: Iterable[Model]) -> dict[str, list[str]]:
    """Return the words of models, in order, each with its other spellings."""
    words: dict[str, list[str]] = {}
    first: dict[tuple[str, ...], str] = {}
    for model in models:
        for word, values in model.manifest.words.items():
            key = tuple(f"{name}={value}" for name, value in sorted(values.items()))
            if key not in first:
                first[key] = word
                words.setdefault(word, [])
            elif word != first[key] and word not in words[first[key]]:
                words[first[key]].append(word)
    return words


def _folders() -> list[Path]:
    """Every folder that claims to be a model: bundled, then cached."""
    found: list[Path] = []
    for root in (bundled_folder(), cache_folder()):
        if root.is_dir():
            found += sorted(f for f in root.iterdir() if not f.name.startswith(".") and (f / manifests.FILE).is_file())
    return found
