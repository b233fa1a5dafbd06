"""Sets of people: which pictures make a split, and the classes of the factor that is specified."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from imgedit.errors import DataError
from imgedit.progress import with_progress
from training.data.grouped import Grouped, Views

EVERY = 7
"""One picture in so many of each person is left out of `train` where the specified factor is the person."""


@dataclass(frozen=True)
class FactorTable:
    """What a set says of its pictures before any is read.

    Attributes:
        name: the set, for messages.
        people: `(N,)` person of each picture; where a set names nobody, each picture is a person of its own.
        factors: for every factor but `identity` its `(N,)` class names; an empty name leaves the picture out.
        test_people: the people of the test split.
        order: for factors whose classes have an order, their names in it; else they are sorted.
        identity: whether the person can be the specified factor.
        pose: the factor that tells from where a picture shows its person.
        mirrored: of that factor, each class -> that of the mirror image; empty where the set does not show both sides.
    """

    name: str
    people: Sequence[str]
    factors: Mapping[str, Sequence[str]]
    test_people: frozenset[str]
    order: Mapping[str, Sequence[str]]
    identity: bool = True
    pose: str = "pose"
    mirrored: Mapping[str, str] = field(default_factory=dict)


Source = tuple[FactorTable, Callable[[int, int], np.ndarray]]
"""What a set says of its pictures, and what reads picture i at a size: uint8 `(size, size, 3)`."""


def last_tenth(people: Sequence[str]) -> frozenset[str]:
    """Return the last tenth of the sorted people, rounded up."""
    known = sorted(set(people))
    return frozenset(known[len(known) - -(-len(known) // 10) :])


def every_tenth(people: Sequence[str]) -> frozenset[str]:
    """Return every tenth of the sorted people, for sets in which the order means something."""
    return frozenset(sorted(set(people))[9::10])


class Loader:
    """The `load` of a set with factors.

    Args:
        read: opens the set's folder.
        size: side of the pictures unless another is asked for, px.
        specified: the factor unless another is asked for.
    """

    def __init__(self, read: Callable[[Path], Source], *, size: int = 64, specified: str = "identity") -> None:
        self.read = read
        self.size = size
        self.specified = specified

    def __call__(
        self,
        folder: Path,
        split: str,
        *,
        size: int | None = None,
        specified: str | None = None,
        unseen: bool = True,
        pairs: bool = False,
        holdout: Sequence[int] = (),
        limit: int | None = None,
        poses: Sequence[str] = (),
        mirror: bool = False,
        group: int = 1,
        jitter: int = 0,
    ) -> Grouped:
        """Choose the pictures of a split, read them, and group them by the specified factor.

        Args:
            folder: the set's folder.
            split: `train` or `test`.
            size: side of the pictures, px.
            specified: `identity`, or one of the factors.
            unseen: which pictures are `test` where `specified` is `identity`: True, the people who are not in `train`
                (other classes); False, every `EVERY`-th picture of the people of `train` (its classes), which `train`
                leaves out either way. Other factors are always tested on people who are not in `train`.
            pairs: also draw partners of the same class.
            holdout: classes, as places in `Grouped.classes`, that `train` leaves out (for few-shot measurements).
            limit: at most so many pictures, the first ones.
            poses: names of the poses, which `Batch.pose` counts; pictures of other poses are left out.
            mirror: mirror half of the pictures, and their poses, where the set has both sides.
            group: as `Views.group`.
            jitter: as `Views.jitter`, px.

        Raises:
            DataError: the set is missing or damaged, or has no such factor, pose or split.
        """
        table, picture_at = self.read(Path(folder))
        size, specified = size or self.size, specified or self.specified
        chosen, labels, classes = _chosen(table, split, specified, unseen)
        if split == "train" and len(holdout):
            kept = ~np.isin(labels, holdout)
            chosen, labels = chosen[kept], labels[kept]
        pose = None
        if poses:
            pose, kept = _poses(table, chosen, poses)
            chosen, labels, pose = chosen[kept], labels[kept], pose[kept][:limit]
        chosen, labels = chosen[:limit], labels[:limit]
        if len(chosen) == 0:
            raise DataError(f"no {split} pictures of {table.name} are left; check the folder and the options")
        pictures = with_progress(chosen.tolist(), f"Reading {table.name} {split}")
        images = np.stack([picture_at(int(i), size) for i in pictures])
        views = None
        if pose is not None:
            mirrored = _mirrored(table, poses) if mirror else None
            views = Views(pose, mirrored, group, jitter)
        return Grouped(images, labels, classes, pairs=pairs, views=views)


def _chosen(table: FactorTable, split: str, specified: str, unseen: bool) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return which pictures make a split, the class of each, and the names of the classes; see `Loader.__call__`."""
    factors = (("identity",) if table.identity else ()) + tuple(table.factors)
    if specified not in factors:
        raise DataError(f"{table.name} has the factors {', '.join(factors)}; got specified={specified!r}")
    if split not in ("train", "test"):
        raise DataError(f"{table.name} has the splits train and test; got {split!r}")
    people = np.asarray(table.people, dtype=str)
    names = people if specified == "identity" else np.asarray(table.factors[specified], dtype=str)
    of_test = np.isin(people, sorted(table.test_people))
    closed = specified == "identity" and not unseen
    side = of_test if split == "test" and not closed else ~of_test
    chosen = np.flatnonzero(side & (names != ""))
    pool = names[chosen] if specified == "identity" else names[names != ""]
    present = set(pool.tolist())
    classes = [c for c in table.order.get(specified, sorted(present)) if c in present]
    place = {c: i for i, c in enumerate(classes)}
    labels = np.array([place[n] for n in names[chosen].tolist()], np.int64)
    if specified == "identity" and (split == "train" or closed):
        left_out = _every_seventh(labels)
        kept = left_out if split == "test" else ~left_out
        chosen, labels = chosen[kept], labels[kept]
    return chosen, labels, classes


def _poses(table: FactorTable, chosen: np.ndarray, poses: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the pose of each chosen picture as an index of `poses`, and which of them have one of these."""
    known = sorted({name for name in table.factors.get(table.pose, ()) if name})
    if missing := [name for name in poses if name not in known]:
        shown = f"the poses {', '.join(known)}" if known else "no poses"
        raise DataError(f"{table.name} has {shown}; got {missing[0]!r}")
    place = {name: i for i, name in enumerate(poses)}
    found = np.array([place.get(table.factors[table.pose][i], -1) for i in chosen], np.int64)
    return found, found >= 0


def _mirrored(table: FactorTable, poses: Sequence[str]) -> np.ndarray | None:
    """Return the mirror image of each pose, as indices of `poses`; None where one is not among them."""
    names = [table.mirrored.get(name) for name in poses]
    return np.array([poses.index(n) for n in names if n], np.int64) if set(names) <= set(poses) else None


def squeezed(image: np.ndarray, size: int) -> np.ndarray:
    """Bring a whole picture to `(size, size, 3)`, whatever its shape."""
    if image.shape[:2] == (size, size):
        return image
    shrinks = min(image.shape[:2]) >= size
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _every_seventh(labels: np.ndarray) -> np.ndarray:
    """Mark every `EVERY`-th picture of each class, from another start in each so that no view is left out for all."""
    marked = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        marked[own[(np.arange(len(own)) + label) % EVERY == EVERY - 1]] = True
    return marked
