"""Which models are here: bundled with the package, pulled into the cache, or any folder.

A model is asked for by its id (`stargan_hair.celeba`), by the hub repository it was pulled from (`someone/hair`), or by
the path of its folder, which must look like one (`./x`, `/x`, `a/b`): a folder that happens to lie in the current
directory replaces no model. What is bundled comes first, so that a pulled model never silently replaces it: name that
one by its repository.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imgedit import settings
from imgedit.errors import ConfigError, ManifestError, ModelError, UnknownModelError
from imgedit.models import graphs, schema
from imgedit.models import manifest as manifests
from imgedit.models.manifest import Manifest

__all__ = [
    "Model",
    "askable_words",
    "available",
    "bundled",
    "bundled_folder",
    "cache_folder",
    "experimental_words",
    "find",
    "folders",
    "known_words",
    "load",
]

_NAME_LIMIT = 200  # characters of a name that are compared with the known ones
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

    @property
    def is_bundled(self) -> bool:
        """Whether it ships with imgedit."""
        return self.folder.parent == bundled_folder()

    def has(self, role: str) -> bool:
        """Whether the model has a graph of this role."""
        return role in self.manifest.graphs

    def read(self, role: str) -> bytes:
        """Return the bytes of a role's graph, hashed and checked; nothing opens the file a second time.

        Raises:
            ModelError: there is no such role, or the graph holds what models may not (`graphs.check`).
            ManifestError: the file cannot be read or is not the one that the manifest names.
        """
        if role not in self.manifest.graphs:
            raise ModelError(f"model {self.id} has no graph {role!r}, it has {', '.join(sorted(self.manifest.graphs))}")
        content = manifests.read_graph(self.folder, self.manifest.graphs[role])
        if not self.is_bundled:  # those that ship with imgedit are checked by its tests
            graphs.check(content, f"{self.id}: {role}")
        return content


def bundled_folder() -> Path:
    """Return the folder of the models that ship with imgedit."""
    return Path(__file__).parent.parent / "bundled"


def cache_folder() -> Path:
    """Return the folder of pulled models: `models` in the setting `home` (`$IMGEDIT_HOME`), else in the user's cache.

    Raises:
        ConfigError: the setting cannot be a folder.
    """
    home = settings.effective("home")
    if home.value:
        try:
            return Path(home.value).expanduser() / "models"
        except RuntimeError as error:
            name = "IMGEDIT_HOME" if home.origin == "IMGEDIT_HOME" else f"{home.origin}: home"
            raise ConfigError(f"{name}={home.value!r} names the folder of an unknown user; give a path") from error
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
        kind: only models of this kind; what names another is not even checked.
    """
    models = []
    for folder in folders():
        if kind is not None and manifests.kind_of(folder) not in (kind, None):
            continue
        try:
            model = load(folder)
        except ManifestError as error:
            _log.warning("left out a damaged model: %s", error)
            continue
        if kind is None or model.manifest.kind == kind:
            models.append(model)
    return models


def bundled(name: str) -> Model:
    """Return a bundled model by its id, whatever else is here; parts that imgedit itself needs are taken so.

    Raises:
        ManifestError: there is no such model, or it is damaged.
    """
    folder = bundled_folder() / name
    if Path(name).name != name or not _is_there(folder):
        raise ManifestError(f"no bundled model {schema.shown(name)}; install imgedit again")
    return load(folder)


def find(name: str | os.PathLike[str]) -> Model:
    """Return the model of an id, a pulled repository, or a folder.

    Args:
        name: an id, `owner/name`, or the path of a folder; text without a separator is never a path.

    Raises:
        UnknownModelError: there is no such model; the message names the nearest and all known ones.
        ManifestError: there is, but it is damaged.
    """
    if isinstance(name, Path):
        return load(name)
    text = os.fspath(name)
    # The bundled folders bear their model's id, so the usual case reads a single manifest.
    for folder_of, stem in ((bundled_folder, text), (cache_folder, text.replace("/", "--"))):
        root = folder_of()
        if stem != ".." and Path(stem).name == stem != "" and _is_there(root / stem):
            return load(root / stem)
    if _looks_like_a_path(text):
        if _is_folder(Path(text)):
            return load(Path(text))
        raise UnknownModelError(
            f"no model {schema.shown(text)}: it was not pulled from the hub, and there is no such folder"
        )
    models = available()
    for model in models:
        if model.id == text:
            return model
    known = list(dict.fromkeys(model.id for model in models))
    near = difflib.get_close_matches(text[:_NAME_LIMIT], known, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; did you mean ./{text}?" if _is_folder(Path(text)) else ""
    raise UnknownModelError(
        f"no model {schema.shown(text)}{hint} (known: {', '.join(known) or 'none'}; or give a model folder such as "
        "./model, or pull one)"
    )


def known_words(models: Iterable[Model]) -> dict[str, list[str]]:
    """Return the words of models, in order, each with its other spellings; words that mean the same stand together.

    Words of one model never mean the same: round and square glasses are both glasses.
    """
    words: dict[str, list[str]] = {}
    first: dict[tuple[tuple[str, float], ...], str] = {}
    for model in models:
        own = set()
        for word, entry in model.manifest.words.items():
            sets = tuple(sorted(entry.sets.items()))
            name = word if sets in own else first.setdefault(sets, word)
            own.add(sets)
            others = words.setdefault(name, [])
            others += [w for w in (word, *entry.also) if w != name and w not in others]
    return words


def askable_words(models: Iterable[Model]) -> list[str]:
    """Return the words that can be asked for, plain ones first, then those with `no-`."""
    models = list(models)
    words = dict.fromkeys(word for model in models for word in model.manifest.words)
    return [no + word for no in ("", "no-") for word in words if _is_askable(word, models, is_negated=bool(no))]


def _is_askable(word: str, models: Iterable[Model], *, is_negated: bool) -> bool:
    """Tell whether `edits.plan.assign` takes a word: the first model decides that knows it and goes that way."""
    for manifest in (model.manifest for model in models):
        known = manifest.word(word)
        if known is not None and not (manifest.only_adds if is_negated else manifest.only_removes):
            return not is_negated or len(known[1].sets) == 1  # of several values `no-` leaves open what to be instead
    return False


def experimental_words(models: Iterable[Model]) -> set[str]:
    """Return the words, also with `no-`, that the first model which carries them out calls experimental."""
    found: dict[str, str] = {}
    for model in models:
        found = model.manifest.qualities | found
    return {word for word, quality in found.items() if quality == "experimental"}


def _looks_like_a_path(text: str) -> bool:
    """Tell whether a text has a separator, as `./x`, `/x` and `a/b` have."""
    return any(separator in text for separator in ("/", os.sep, os.altsep) if separator)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _is_there(folder: Path) -> bool:
    """Tell whether a folder has a manifest, of whatever kind."""
    try:
        return os.path.lexists(folder / manifests.FILE)
    except (OSError, ValueError):
        return False


def folders() -> list[Path]:
    """Every folder that claims to be a model: bundled, then cached."""
    found: list[Path] = []
    for root in (bundled_folder(), cache_folder()):
        try:
            folders = sorted(root.iterdir())
        except FileNotFoundError:
            continue
        except OSError as error:
            _log.warning("cannot list the models in %s: %s", root, error.strerror or error)
            continue
        found += [folder for folder in folders if not folder.name.startswith(".") and _is_there(folder)]
    return found
