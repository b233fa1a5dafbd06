"""How long edits take on a full-HD photo once their networks are loaded, from the found face to the edited pixels.

Beside the clock it counts processor seconds, which depend less on what else runs. `imgedit benchmark` times whole edits
as users see them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import cv2
import numpy as np

from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.edits import express, frontalize, pose, transfer, translate
from imgedit.edits.driver import Driver
from imgedit.edits.plan import Plan
from imgedit.errors import ConfigError, NoFaceError
from imgedit.models import devices, library
from imgedit.photo import Photo
from imgedit.vision import expressions
from imgedit.vision.faces import Face
from imgedit.vision.mesh import Mesh
from training.evaluate.layout import Block, Table

__all__ = ["SIZE", "Timing", "blocks", "edits", "evaluate", "limited", "portrait", "time_edits", "timed"]

KIND = "speed"
_VIEWS = {"whole": False, "close": True}
SIZE = (1920, 1080)
"""Width and height of the photo, px."""
_CLOSE = 2.5  # times as large as the whole portrait, cut around the face: the face then is 560 px high
_TURN, _OPEN = 12.0, 0.6  # the face whose pose and expression a swap takes: degrees of yaw, strength of the slider


@dataclass(frozen=True)
class Timing:
    """What several runs of one thing took, in seconds.

    Attributes:
        wall: by the clock, of each run.
        processor: of all threads of this process together, of each run.
    """

    wall: tuple[float, ...]
    processor: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the number of runs, and of both times the least and the median."""
        return {
            "n": len(self.wall),
            "wall": {"least": min(self.wall), "median": median(self.wall)},
            "processor": {"least": min(self.processor), "median": median(self.processor)},
        }


def timed(runs: Callable[[], Callable[[], object]], n: int) -> Timing:
    """Time something that needs preparation which does not count; the first run warms up and is left out.

    Args:
        runs: prepares a run and returns it.
        n: how many are timed.
    """
    wall, processor = [], []
    for _ in range(n + 1):
        run = runs()
        start, spent = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - spent)
    return Timing(tuple(wall[1:]), tuple(processor[1:]))


@contextmanager
def limited(most: int) -> Iterator[None]:
    """Give networks that are opened meanwhile, and OpenCV, so many threads at most."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(most)
    try:
        with devices.threads_limited(most):
            yield
    finally:
        cv2.setNumThreads(before)


def portrait(*, is_close: bool = False) -> Photo:
    """Return the bundled portrait as a photo of `SIZE`, mirrored at its sides.

    Args:
        is_close: the face is more than half as high as the photo; otherwise a quarter.
    """
    rgb = photos.read(library.bundled_folder() / "astronaut.jpg").rgb
    width, height = SIZE
    side = round(height * (_CLOSE if is_close else 1.0))
    large = np.asarray(cv2.resize(rgb, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    if is_close:
        large = large[:height]
    left = max(0, (width - side) // 2)
    right = max(0, width - side - left)
    wide = cv2.copyMakeBorder(large, 0, 0, left, right, cv2.BORDER_REFLECT_101)
    return photos.read(np.ascontiguousarray(np.asarray(wide, np.uint8)[:, :width]))


def edits(editor: Editor, photo: Photo) -> dict[str, Plan]:
    """Return the edits that are timed, by what users type.

    Args:
        editor: with models for words.
        photo: whose face, turned and with an open mouth, `swap` is given.

    Raises:
        NoFaceError: the photo shows no face.
    """
    subject = editor.prepare(photo, "largest").subjects[0]
    face = subject.mesh
    if face is None or not isinstance(subject.place, Face):
        raise NoFaceError("no face mesh fits the largest face")
    points = pose.turned(face.points, face.pose, face.pose._replace(yaw=face.pose.yaw + _TURN))
    points = expressions.moved(points, expressions.combined({"open": _OPEN}))
    driver = Driver("another", subject.place, Mesh(points, 1.0))
    return {
        "swap": transfer.prepare(driver),
        "pose --yaw 15": pose.prepare(15.0),
        "frontalize": frontalize.prepare(),
        "express --smile 0.7 --open 0.3": express.prepare({"smile": 0.7, "open": 0.3}),
        "translate --attr smiling": translate.prepare(["smiling"], editor.models, force=True),
        "translate --attr blond": translate.prepare(["blond"], editor.models),
    }


def time_edits(editor: Editor, photo: Photo, n: int) -> Mapping[str, Timing]:
    """Time edits of a photo from the found face to the edited pixels; reading, finding and writing do not count.

    Args:
        editor: with models for words.
        photo: the photo.
        n: how often each edit is timed.
    """

    def runs(plan: Plan) -> Callable[[], object]:
        prepared = editor.prepare(photo, "largest")  # anew, so that nothing of the face is known
        return lambda: editor.apply(prepared.photo, editor.run(prepared, plan))

    return {name: timed(partial(runs, plan), n) for name, plan in edits(editor, photo).items()}


def evaluate(*, n: int = 7, threads: Sequence[int] = (1,), device: str = "auto", command: str = "") -> dict[str, Any]:
    """Time edits of the bundled portrait.

    Args:
        n: how often each is timed, after one run that is not.
        threads: with so many threads each.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        command: what was typed.

    Raises:
        ConfigError: a number of threads is below 1.
    """
    if not threads or min(threads) < 1:
        raise ConfigError(f"--threads must be 1 or more, got {', '.join(map(str, threads)) or 'none'}")
    rows = []
    for most in threads:
        with limited(most):
            editor = Editor(None, device)
            for view, is_close in _VIEWS.items():
                photo = portrait(is_close=is_close)
                rows += [
                    {"view": view, "threads": most, "edit": name, **timing.to_json()}
                    for name, timing in time_edits(editor, photo, n).items()
                ]
    size = "x".join(map(str, SIZE))
    return {"model": "edits", "kind": KIND, "command": command, "metrics": {"size": size, "n": n, "rows": rows}}


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result, and the table."""
    metrics = result["metrics"]
    rows = [
        [
            row["edit"],
            row["view"],
            str(row["threads"]),
            *(f"{row[clock][key]:.3f}" for clock in ("processor", "wall") for key in ("least", "median")),
        ]
        for row in metrics["rows"]
    ]
    columns = ["processor s, least", "median", "wall s, least", "median"]
    return [
        f"The bundled portrait at {metrics['size']}, whole (the face a fifth as high as the photo) and close (a half); "
        f"{metrics['n']} runs from the found face to the edited pixels, networks loaded",
        Table(["edit", "portrait", "threads", *columns], rows),
    ]
