"""Where a hair colour acts: on how much of the hair, and how much of what is none, by masks that people drew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.edits import translate
from imgedit.errors import ConfigError, DataError, NoFaceError
from imgedit.progress import with_progress
from imgedit.text import reason
from training.evaluate.layout import Block, Table
from training.evaluate.result import header

__all__ = ["blocks", "evaluate", "shares"]

KIND = "spill"
SPLITS = ("test", "valid")
GROWN = 6
"""Pixels by which the mask is grown before a change beside it counts; pictures have 256 px."""
SPILLED, CHANGED = 25, 10
"""Steps of 255 in one channel: a pixel beside the hair that differs by more is spill, one of the hair is changed."""
_TENTH = 0.1  # share of the sorted names: the last is the test split, the one before it the validation split
_FEWEST = 2000  # pixels of hair of a head that is measured
_HAIR = 13  # index of hair in the set's masks


def evaluate(
    data: str,
    *,
    word: str = "blond",
    split: str = "test",
    n: int | None = None,
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Measure a word of hair on CelebAMask-HQ, forced, so that hair which has the colour already counts as well.

    Args:
        data: `celebamask_hq:DIR`.
        word: a word that changes hair.
        split: one of `SPLITS`.
        n: at most so many pictures, spread evenly over the sorted names; None for all.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        command: what was typed.

    Raises:
        ConfigError: the data set is another one, or there is no such split.
        UnknownWordError: no model knows the word.
        DataError: there are no pictures with hair.
    """
    name, _, folder = data.partition(":")
    if name != "celebamask_hq":
        raise ConfigError(f"spill is measured on --data celebamask_hq:DIR, got {data!r}")
    if split not in SPLITS:
        raise ConfigError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
    paths = sorted((Path(folder) / "images").glob("*.jpg"))
    tenth = round(_TENTH * len(paths))
    paths = paths[len(paths) - tenth :] if split == "test" else paths[len(paths) - 2 * tenth : len(paths) - tenth]
    if n is not None and n < len(paths):
        paths = [paths[i] for i in np.linspace(0, len(paths) - 1, n).round().astype(int)]
    editor = Editor(None, device, mark=False)
    plan = translate.prepare(word, editor.models, force=True)
    found = []
    for path in with_progress(paths, f"Measuring {word}"):
        photo = photos.read(path)
        hair = _hair(Path(folder) / "masks" / f"{path.stem}.png", (photo.width, photo.height))
        if hair.sum() < _FEWEST:
            continue
        try:
            edited = editor.edit_photo(photo, plan, face="largest").photo
        except NoFaceError:
            continue
        found.append(shares(photo.rgb, edited.rgb, hair))
    if not found:
        raise DataError(f"no pictures with hair in {folder}/images")
    spill, changed = 100.0 * np.array(found).T
    metrics = {
        "word": word,
        "spill": {
            "median": float(np.median(spill)),
            "mean": float(spill.mean()),
            "90th percentile": float(np.percentile(spill, 90)),
            "largest": float(spill.max()),
        },
        "hair changed": float(changed.mean()),
    }
    model = plan.models[0].id
    stated = header(model, KIND, data, command=command, seed=0, split=split)
    return {**stated, "n": len(found), "metrics": metrics}


def shares(before: NDArray[np.uint8], after: NDArray[np.uint8], hair: NDArray[np.bool_]) -> tuple[float, float]:
    """Compare a picture before and after.

    Args:
        before: `(h, w, 3)`.
        after: the same picture, edited.
        hair: `(h, w)`.

    Returns:
        Pixels that changed beside the hair, as a share of the hair's, and the share of the hair that changed.
    """
    differs = np.abs(after.astype(np.int16) - before).max(axis=2)
    grown = cv2.dilate(hair.astype(np.uint8), np.ones((2 * GROWN + 1, 2 * GROWN + 1), np.uint8)) > 0
    return float((differs[~grown] > SPILLED).sum() / hair.sum()), float((differs[hair] > CHANGED).mean())


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result: one table."""
    metrics = result["metrics"]
    rows = [[f"beside the hair, {name}", f"{value:.2f}"] for name, value in metrics["spill"].items()]
    rows.append(["of the hair, mean", f"{metrics['hair changed']:.1f}"])
    return [
        f"{result['n']} {result['split']} pictures of {result['data']}, `{metrics['word']}`, forced",
        Table(["changed, % of the hair", ""], rows),
    ]


def _hair(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return where a mask says that hair is, `(height, width)`; size is width and height."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.resize(size, Image.Resampling.NEAREST)) == _HAIR
    except OSError as error:
        raise DataError(f"mask {path} cannot be read: {reason(error)}") from error
