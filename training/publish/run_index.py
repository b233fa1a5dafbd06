"""`run.json`: what a run in a repository says of itself and of its files."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from imgedit.errors import HubError
from training.publish.export import DENSITY_RATIO
from training.publish.figures import EVALUATION
from training.run import record
from training.run.checkpoint import CONFIG, FOLDER
from training.run.fit import STATE, TENSORS

FILE = "run.json"
LIMIT = 1 << 20
"""Bytes that it may have."""
LOOSE = (CONFIG, record.LOG, EVALUATION, DENSITY_RATIO)
"""Files of a run beside its checkpoints; only the first must be there."""
SCHEMA_VERSION = 1
_CHECKPOINT = re.compile(rf"{FOLDER}/([0-9]{{7,15}})/({re.escape(TENSORS)}|{re.escape(STATE)})")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Index:
    """What `run.json` says.

    Attributes:
        method: id of the training method.
        steps: done at the newest checkpoint.
        data_source: what it is trained on.
        licence: terms of the weights.
        commercial_use: whether they allow commercial use.
        files: name -> `sha256` (hexadecimal) and `bytes`.
        schema_version: of this format.
    """

    method: str
    steps: int
    data_source: str
    licence: str
    commercial_use: bool
    files: dict[str, dict[str, Any]]
    schema_version: int = SCHEMA_VERSION

    def checkpoints(self) -> list[str]:
        """Return the names of the checkpoints, oldest first."""
        found = {match[1] for match in map(_CHECKPOINT.fullmatch, self.files) if match}
        return sorted(found, key=int)

    def sizes(self, every: bool) -> dict[str, int]:
        """Return name -> bytes of the files to fetch: with all checkpoints, or with the newest."""
        wanted = self.checkpoints() if every else self.checkpoints()[-1:]
        own = {name for name in self.files if name in LOOSE}
        own |= set(_files_of(wanted))
        return {name: int(entry["bytes"]) for name, entry in self.files.items() if name in own}

    def to_json(self) -> str:
        """Return the text of `run.json`."""
        return json.dumps(asdict(self), indent=2) + "\n"


def parsed(text: bytes, where: str) -> Index:
    """Read `run.json`.

    Raises:
        HubError: it is damaged, or names a file that no run has.
    """
    try:
        data = json.loads(text)
        if not isinstance(data, dict):
            raise TypeError("it is no object")
        version = data.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ValueError(f"schema_version is {version!r}, this imgedit reads {SCHEMA_VERSION}")
        index = Index(**data)
        for name, kind in (("method", str), ("licence", str), ("data_source", str), ("commercial_use", bool)):
            if not isinstance(getattr(index, name), kind):
                raise TypeError(f"{name} is {getattr(index, name)!r}")
        if not isinstance(index.files, dict):
            raise TypeError("files must be an object")
        for name, entry in index.files.items():
            _check_entry(name, entry)
        for name in (CONFIG, *_files_of(index.checkpoints())):
            if name not in index.files:
                raise ValueError(f"it names no {name}")
        if not index.checkpoints():
            raise ValueError("it names no checkpoint")
    except (ValueError, TypeError, RecursionError) as error:
        raise HubError(f"{where}: {FILE} is damaged: {str(error)[:120]}") from error
    return index


def _files_of(steps: list[str]) -> list[str]:
    return [f"{FOLDER}/{step}/{file}" for step in steps for file in (TENSORS, STATE)]


def _check_entry(name: str, entry: Any) -> None:
    if name not in LOOSE and not _CHECKPOINT.fullmatch(name):
        raise ValueError(f"it names {name!r}, which is no file of a run")
    is_whole = isinstance(entry, Mapping) and entry.keys() == {"sha256", "bytes"}
    size = entry["bytes"] if is_whole else None
    if not is_whole or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"{name} needs sha256 and bytes")
    if not isinstance(entry["sha256"], str) or not _HASH.fullmatch(entry["sha256"]):
        raise ValueError(f"sha256 of {name} must be 64 hexadecimal digits")


def described(content: bytes | BinaryIO) -> dict[str, Any]:
    """Return hash and size of a file's content, as `Index.files` has them."""
    if isinstance(content, bytes):
        return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
    size = content.tell()
    content.seek(0)
    return {"sha256": digest, "bytes": size}
