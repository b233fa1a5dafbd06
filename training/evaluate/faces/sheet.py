"""Contact sheets: what a word makes of a fixed random draw of held-out faces, before and after, at full size.

Somebody looks at such a sheet and counts; `training/results/verdicts` keeps the counts.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.edits import translate
from imgedit.edits.plan import FORCE, experimental_word
from imgedit.errors import ConfigError, DataError, NoFaceError
from imgedit.files import write_whole
from imgedit.models import library
from imgedit.progress import with_progress
from training.data import celeba, utkface
from training.evaluate.faces.frames import SPLITS
from training.evaluate.result import TEST

__all__ = ["Sheet", "check", "draw", "held_out", "write"]

FACES = 40
"""Of a sheet that a verdict may stand on."""
_WIDTH = 1600  # px of a sheet, at most, but for one pair
_GAP = 4  # px between pairs
_QUALITY = 95  # of a JPEG
_TENTH = 0.1  # of CelebAMask-HQ's sorted names: the last is the test split, the one before it the validation split


class Sheet(NamedTuple):
    """A picture of pairs, and what they are.

    Attributes:
        picture: `(H, W, 3)` RGB, numbered from 1.
        names: file of each pair.
        warnings: what the edit said of each, but for what is said once of the word.
        passed_over: names of the faces before the last pair that the word left as they were.
        experimental: the word where it is experimental, else nothing.
    """

    picture: NDArray[np.uint8]
    names: list[str]
    warnings: list[list[str]]
    passed_over: list[str]
    experimental: Sequence[str] = ()

    def told(self) -> dict[str, Any]:
        """Return what the pairs are, for JSON."""
        pairs = [{"file": name, "warnings": said} for name, said in zip(self.names, self.warnings, strict=True)]
        return {"pairs": pairs, "left_as_they_were": self.passed_over, "experimental": list(self.experimental)}

    def lines(self) -> list[str]:
        """Return what is told of the word, and then of the pairs, a line each."""
        head = [f"{word!r} is an experimental word; look at the result" for word in self.experimental]
        said = (f": {'; '.join(warnings)}" if warnings else "" for warnings in self.warnings)
        found = [f"{i:3d} {name}{words}" for i, (name, words) in enumerate(zip(self.names, said, strict=True), 1)]
        return [*head, *found, f"left as they were: {len(self.passed_over)} {' '.join(self.passed_over)}".rstrip()]


def draw(
    word: str,
    data: str,
    *,
    model: str | None = None,
    n: int | None = None,
    seed: int = 0,
    split: str = TEST,
    device: str = "auto",
) -> Sheet:
    """Edit faces in a random order until so many have changed.

    Args:
        word: as `--attr`.
        data: `celeba:DIR` (its full-size pictures), `celebamask_hq:DIR` (a tenth of its sorted names) or `utkface:DIR`
            (all: no generator was trained on any; there is nothing to choose by).
        model: that carries the word out; as users get it when None.
        n: pairs; `FACES` when None. Fewer where the split has no more.
        seed: of the order.
        split: `test`, or `valid` to choose by.
        device: as `imgedit.models.devices.providers`.

    Raises:
        ConfigError: another data set or split.
        UnknownWordError: no model knows the word.
        DataError: no face changed.
    """
    paths = held_out(data, split)
    editor = Editor(None if model is None else [library.find(model)], device, mark=False)
    plan = translate.prepare(word, editor.models)
    wanted = FACES if n is None else n
    pairs: list[NDArray[np.uint8]] = []
    names, warnings, left = [], [], []
    for i in with_progress(np.random.default_rng(seed).permutation(len(paths)).tolist(), f"Drawing {word}"):
        if len(pairs) == wanted:
            break
        photo = photos.read(paths[i])
        try:
            done = editor.edit_photo(photo, plan, face="largest")
        except NoFaceError:
            continue
        if np.array_equal(done.photo.rgb, photo.rgb):
            left.append(paths[i].name)
            continue
        pairs.append(_numbered(np.concatenate([photo.rgb, done.photo.rgb], axis=1), len(pairs) + 1))
        names.append(paths[i].name)
        warnings.append(_of_one_pair(done.warnings))
    if not pairs:
        raise DataError(f"{word!r} changes none of the {len(paths)} {split} pictures of {data}")
    return Sheet(_tiled(pairs), names, warnings, left, plan.experimental)


def _of_one_pair(warnings: Sequence[str]) -> list[str]:
    """Return warnings but for what is said once of the word, and what a sheet has no way to do: force an edit."""
    return [text.partition(f"; {FORCE}")[0] for text in warnings if experimental_word(text) is None]


def held_out(data: str, split: str = TEST) -> list[Path]:
    """Return the pictures of a split; arguments and errors as `draw`."""
    name, _, folder = data.partition(":")
    if split not in SPLITS:
        raise ConfigError(f"--split is {' or '.join(SPLITS)}, got {split!r}")
    if name == "celeba":
        return celeba.pictures(Path(folder), split, ("full",))
    if name == "utkface" and split == TEST:
        return utkface.chips(Path(folder))
    if name != "celebamask_hq":
        raise ConfigError(f"a sheet shows faces of --data celeba:DIR, celebamask_hq:DIR or utkface:DIR, got {data!r}")
    paths = sorted((Path(folder) / "images").glob("*.jpg"))
    tenth = round(_TENTH * len(paths))
    first = len(paths) - (1 if split == TEST else 2) * tenth
    if not paths:
        raise DataError(f"no pictures in {folder}/images")
    return paths[first : first + tenth]


def check(path: Path) -> str:
    """Return the kind of picture that a file is named after.

    Raises:
        ConfigError: the name says of none.
    """
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise ConfigError(f"{path.name} names no kind of picture that can be written; call it {path.stem}.png")
    return str(kind)


def write(sheet: Sheet, path: Path) -> None:
    """Write the picture, as what its file is named.

    Raises:
        ConfigError: as `check`.
        OutputError: it cannot be written.
    """
    content = io.BytesIO()
    Image.fromarray(sheet.picture).save(content, check(path), quality=_QUALITY)
    write_whole(path, content.getvalue())


def _numbered(pair: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    out = pair.copy()
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 0), 1)):
        cv2.putText(out, str(number), (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thickness, cv2.LINE_AA)
    return out


def _tiled(pairs: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    height = max(pair.shape[0] for pair in pairs) + _GAP
    width = max(pair.shape[1] for pair in pairs) + _GAP
    columns = min(max(_WIDTH // width, 1), len(pairs))
    sheet = np.full((-(-len(pairs) // columns) * height, columns * width, 3), 255, np.uint8)
    for i, pair in enumerate(pairs):
        y, x = i // columns * height, i % columns * width
        sheet[y : y + pair.shape[0], x : x + pair.shape[1]] = pair
    return sheet
