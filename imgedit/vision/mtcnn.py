"""MTCNN's cascade in NumPy and OpenCV around three ONNX graphs.

The steps, their order and their roundings are those of facenet-pytorch, so that both find the same faces; its box
coordinates are kept too (a box that starts at 1 starts at the first pixel).

On processors each thread runs a graph by itself on a piece of the work: a band of one step of the image pyramid, or
some crops. That is quicker than to share each operator of a graph among the threads.

Reference:
    Zhang et al. 2016, "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks".
Deviations:
    Photos too small, too large or too empty for facenet-pytorch give no faces, or the right ones; never an exception.
"""

from __future__ import annotations

import itertools
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.models import devices, library
from imgedit.models.runtime import Session
from imgedit.models.sessions import Sessions

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["MODEL", "find"]

MODEL = "mtcnn.facenet"

_CELL, _STRIDE = 12, 2  # P-Net sees 12 px squares, every 2 px
_SIDES = {"rnet": 24, "onet": 48}  # of their crops, pixels
_BAND = 60_000  # pixels that P-Net looks at in one run on a processor
_CROPS = 32  # crops that R-Net and O-Net look at in one run on a processor
_CROPS_GPU = 512  # on a GPU, which takes pyramid steps whole
_LARGE = 2**31 // 255  # pixels from which their sum may not fit into 32 bits
_AHEAD = 3  # inputs for each thread that are made before they are needed
_BLOCK = 64  # boxes that are compared with all others at once

Array = NDArray[np.float32]


def find(
    rgb: NDArray[np.uint8], min_face: float, thresholds: tuple[float, float, float], factor: float, device: str
) -> tuple[Array, Array]:
    """Find the faces in a picture.

    Args:
        rgb: `(H, W, 3)`, 0..255, RGB, upright, not empty.
        min_face: Side of the smallest face to look for, pixels.
        thresholds: Smallest probability at P-Net, R-Net and O-Net.
        factor: Ratio of one step of the image pyramid to the step before.
        device: As in `imgedit.models.devices.providers`.

    Returns:
        Boxes `(N, 5)`: x0, y0, x1, y1, score; landmarks `(N, 5, 2)`: x, y.

    Raises:
        ModelError: The bundled detector is damaged.
        ConfigError: The device is unknown, absent or does not work.
    """
    workers = _Workers(device)
    sums = _Sums(rgb, workers)
    boxes = _propose(sums, min_face, thresholds[0], factor, device, workers)
    boxes, regions = _inside(_squared(boxes), sums)
    boxes, corrections, _ = _judge("rnet", boxes, regions, sums, thresholds[1], device, workers)
    keep = _suppress(boxes, 0.7)
    boxes, regions = _inside(_squared(_corrected(boxes[keep], corrections[keep])), sums)
    boxes, corrections, points = _judge("onet", boxes, regions, sums, thresholds[2], device, workers)
    sides = boxes[:, 2:4] - boxes[:, :2] + 1
    landmarks = np.stack([points[:, :5], points[:, 5:]], axis=2) * sides[:, None, :] + boxes[:, None, :2] - 1
    boxes = _corrected(boxes, corrections)
    keep = _suppress(boxes, 0.7, of_smaller=True)
    return boxes[keep], landmarks[keep]


@cache
def _session(role: str, device: str) -> Session:
    """Load one of the three graphs on first use and keep it; a run takes one thread."""
    return Sessions(device, threads=1).open(library.bundled(MODEL), role)


class _Workers:
    """Threads that run graphs: as many as the settings allow; on a GPU one run at a time.

    Attributes:
        n: Runs at a time, one of them in the thread that calls.
    """

    def __init__(self, device: str) -> None:
        self.n = devices.default_threads() if _session("pnet", device).device == "cpu" else 1

    def each(self, run: Callable[[Any], Any], inputs: Iterable[Any]) -> Iterator[Any]:
        """Run a function on each of several inputs, in order.

        The inputs are made by the thread that calls, a few ahead, while others run: NumPy's many short steps would make
        threads wait for each other. Rather than wait for a result it runs what no other thread has begun.
        """
        if self.n == 1:
            yield from map(run, inputs)
            return
        pool = _pool(self.n - 1, os.getpid())
        tasks: deque[_Task] = deque()
        for one in inputs:
            tasks.append(_Task(run, one, pool))
            if len(tasks) > _AHEAD * self.n:
                yield _first(tasks)
        while tasks:
            yield _first(tasks)


class _Task:
    """A run of a function, which a thread of a pool begins or the one that needs the result, whichever comes first."""

    def __init__(self, run: Callable[[Any], Any], one: Any, pool: ThreadPoolExecutor) -> None:
        self._run, self._one = run, one
        self.future: Future[Any] = pool.submit(run, one)

    def is_taken_over(self) -> bool:
        """Run it in this thread where none has begun, and tell whether."""
        if not self.future.cancel():
            return False
        self.future = type(self.future)()  # its module is imported with the pool, not at start
        self.future.set_result(self._run(self._one))
        return True


def _first(tasks: deque[_Task]) -> Any:
    """Remove the first of several tasks and return its result; until that is there, run others."""
    first = tasks.popleft()
    while not first.future.done() and any(task.is_taken_over() for task in (first, *tasks)):
        pass
    return first.future.result()


@cache
def _pool(n: int, process: int) -> ThreadPoolExecutor:
    """Return the threads of a process, which are kept: to start them takes as long as a small photo."""
    from concurrent.futures import ThreadPoolExecutor  # a few milliseconds of the command line's start

    return ThreadPoolExecutor(n)


class _Sums:
    """Sums over rectangles of a picture, for torch's `interpolate(mode="area")`.

    Output pixel i of n averages the whole input pixels floor(i m / n) .. ceil((i + 1) m / n) - 1 of m, per axis; unlike
    OpenCV's INTER_AREA, pixels are never shared by parts.
    """

    def __init__(self, rgb: NDArray[np.uint8], workers: _Workers | None = None) -> None:
        self.height, self.width = rgb.shape[:2]
        is_large = self.height * self.width >= _LARGE
        depth = cv2.CV_64F if is_large else cv2.CV_32S
        shape = 3, self.height + 1, self.width + 1
        self._table = np.empty(shape, np.float64 if is_large else np.int32)
        # The last 16 bits: their differences are the sums of small rectangles, in half of the memory.
        self._low = np.empty(shape, np.uint16)

        def fill(channel: int) -> None:
            table = self._table[channel]
            cv2.integral(cv2.extractChannel(rgb, channel), table, sdepth=depth)
            self._low[channel] = table.astype(np.int64) if is_large else table

        for _ in map(fill, range(3)) if workers is None else workers.each(fill, range(3)):
            pass

    def resized(self, height: int, width: int, start: int = 0, stop: int | None = None) -> Array:
        """Return the picture at another size, or some rows of that, as `(1, 3, rows, width)`, -1..1.

        Args:
            height: Of the whole result.
            width: Of the result.
            start: First row.
            stop: Last row plus one; None for `height`.
        """
        top, bottom = (y[0, start:stop] for y in _bins(np.zeros(1, np.int64), np.array([self.height]), height))
        left, right = (x[0] for x in _bins(np.zeros(1, np.int64), np.array([self.width]), width))
        heights, widths = bottom - top, right - left
        factors = _factors(heights[:, None], widths[None])
        result = np.empty((1, 3, len(top), width), np.float32)
        for image, channel in zip(result[0], self._fitting(heights, widths), strict=True):
            rows = channel.take(bottom, axis=0)
            rows -= channel.take(top, axis=0)
            columns = cv2.transpose(rows)  # whole rows are quicker to pick than pixels
            sums = columns.take(right, axis=0)
            sums -= columns.take(left, axis=0)
            _normalize(cv2.transpose(sums), factors, image)
        return result

    def crops(self, boxes: NDArray[np.int64], side: int) -> Array:
        """Return parts of the picture as `(N, 3, side, side)`, -1..1.

        Args:
            boxes: `(N, 4)`: x0, y0, x1, y1, x1 and y1 not included, inside the picture and not empty.
            side: Side of the result in pixels.
        """
        left, right = (x[:, None, :] for x in _bins(boxes[:, 0], boxes[:, 2], side))
        top, bottom = (y[:, :, None] for y in _bins(boxes[:, 1], boxes[:, 3], side))
        heights, widths = bottom - top, right - left
        table, row = self._fitting(heights, widths).reshape(3, -1), self.width + 1
        sums = np.take(table, bottom * row + right, axis=1)
        sums -= np.take(table, top * row + right, axis=1)
        sums -= np.take(table, bottom * row + left, axis=1)
        sums += np.take(table, top * row + left, axis=1)
        result = np.empty((len(boxes), 3, side, side), np.float32)
        _normalize(sums, _factors(heights, widths), np.moveaxis(result, 1, 0))
        return result

    def _fitting(self, heights: NDArray[np.int64], widths: NDArray[np.int64]) -> NDArray[Any]:
        """Return the smallest table that tells the sums over rectangles of these sides."""
        return self._low if heights.max() * widths.max() * 255 < 2**16 else self._table


def _bins(start: NDArray[np.int64], stop: NDArray[np.int64], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return `(N, n)` first and last-plus-one input pixels of n output pixels over start..stop."""
    length, i = (stop - start)[:, None], np.arange(n)
    return start[:, None] + i * length // n, start[:, None] - (-(i + 1) * length // n)


def _factors(heights: NDArray[np.int64], widths: NDArray[np.int64]) -> Array:
    """Return what makes 0..1.99 of sums of 0..255 over rectangles of these sides."""
    return np.asarray(np.float32(1 / 128) / heights.astype(np.float32) * (1 / widths.astype(np.float32)))


def _normalize(sums: NDArray[Any], factors: Array, result: Array) -> None:
    """Write -1..1 for sums, times their factors, into an array."""
    np.multiply(sums, factors, out=result, dtype=np.float32, casting="unsafe")
    result -= np.float32(127.5 / 128)


class _Band(NamedTuple):
    """Rows of P-Net's answers to one step of the image pyramid."""

    scale: float  # of the step
    height: int  # of the step, pixels
    width: int
    start: int  # first row of answers
    stop: int  # last row plus one


def _bands(sums: _Sums, min_face: float, factor: float, most: float) -> Iterator[list[_Band]]:
    """Yield the bands, of about `most` pixels, of each step of the image pyramid."""
    scale = _CELL / min_face
    shorter = min(sums.height, sums.width) * scale
    while shorter >= _CELL:
        height, width = int(sums.height * scale + 1), int(sums.width * scale + 1)
        rows = (height - 1) // 2 - 4
        n = max(1, min(rows, math.ceil(height * width / most)))
        edges = [rows * i // n for i in range(n + 1)]
        yield [_Band(scale, height, width, a, b) for a, b in itertools.pairwise(edges)]
        scale *= factor
        shorter *= factor


def _propose(sums: _Sums, min_face: float, threshold: float, factor: float, device: str, workers: _Workers) -> Array:
    """Run P-Net over the image pyramid; returns boxes with scores `(N, 5)`."""
    session = _session("pnet", device)
    steps = list(_bands(sums, min_face, factor, _BAND if session.device == "cpu" else math.inf))
    bands = [band for step in steps for band in step]
    runs = workers.each(lambda image: session.run({"image": image})["proposal"], (_image(sums, band) for band in bands))
    found = (_proposed(answers[0], band, threshold) for answers, band in zip(runs, bands, strict=True))
    levels = [np.empty((0, 9), np.float32)]
    for step in steps:
        boxes = np.concatenate([next(found) for _ in step])
        levels.append(boxes[_suppress(boxes, 0.5)])
    boxes = np.concatenate(levels)
    boxes = boxes[_suppress(boxes, 0.7)]
    sides = np.tile(boxes[:, 2:4] - boxes[:, :2], 2)
    return np.column_stack([boxes[:, :4] + boxes[:, 5:9] * sides, boxes[:, 4]])


def _image(sums: _Sums, band: _Band) -> Array:
    """Return what P-Net looks at for a band."""
    last = (band.stop - 1) * _STRIDE + _CELL  # the pool rounds up: it may be one more than there is
    return sums.resized(band.height, band.width, band.start * _STRIDE, min(last, band.height))


def _proposed(answers: Array, band: _Band, threshold: float) -> Array:
    """Return the boxes, scores and corrections `(N, 9)` in P-Net's answers `(5, rows, columns)`, row by row."""
    logit = answers[0]
    y, x = np.divmod(np.flatnonzero(logit >= _least_logit(threshold)), logit.shape[1])  # np.nonzero takes longer
    with np.errstate(over="ignore"):
        score = 1 / (1 + np.exp(-logit[y, x]))  # in float32: scores of exactly 1 are as common as after a Softmax
    passed = score >= np.float32(threshold)
    y, x, score = y[passed], x[passed], score[passed]
    corner = np.stack([x, y + band.start], axis=1).astype(np.float32) * _STRIDE
    first = np.floor((corner + 1) / np.float32(band.scale))
    last = np.floor((corner + _CELL) / np.float32(band.scale))
    return np.concatenate([first, last, score[:, None], answers[1:, y, x].T], axis=1)


def _least_logit(probability: float) -> float:
    """Return a logit somewhat below which no probability reaches this one."""
    if probability <= 0:
        return -math.inf
    bounded = min(probability, 0.999)
    return math.log(bounded / (1 - bounded)) - 1e-3


def _judge(
    role: str,
    boxes: Array,
    regions: NDArray[np.int64],
    sums: _Sums,
    threshold: float,
    device: str,
    workers: _Workers,
) -> tuple[Array, Array, Array]:
    """Run R-Net or O-Net on the boxes' regions; returns the boxes that pass, their corrections and their landmarks."""
    if not len(boxes):
        return boxes, np.empty((0, 4), np.float32), np.empty((0, 10), np.float32)
    session = _session(role, device)
    most = _CROPS if session.device == "cpu" else _CROPS_GPU
    runs_each = math.ceil(len(regions) / (most * workers.n))
    n = runs_each * workers.n
    parts = list(itertools.pairwise(len(regions) * i // n for i in range(n + 1)))

    def look(share: list[tuple[int, int]]) -> list[dict[str, Any]]:
        # Crops are cut here, unlike P-Net's inputs: there are few, and to hand them over takes longer.
        return [session.run({"image": sums.crops(regions[a:b], _SIDES[role])}) for a, b in share if a < b]

    shares = (parts[i : i + runs_each] for i in range(0, n, runs_each))
    runs = list(itertools.chain.from_iterable(workers.each(look, shares)))
    result = {name: np.concatenate([run[name] for run in runs]) for name in session.outputs}
    score = result["probability"][:, 1]
    passed = score > np.float32(threshold)
    points = result.get("landmarks", np.empty((len(boxes), 10), np.float32))
    return np.column_stack([boxes[passed, :4], score[passed]]), result["box"][passed], points[passed]


def _corrected(boxes: Array, corrections: Array) -> Array:
    """Move the sides of `(N, 5)` boxes by parts of the boxes' sides."""
    sides = np.tile(boxes[:, 2:4] - boxes[:, :2] + 1, 2)
    return np.column_stack([boxes[:, :4] + corrections * sides, boxes[:, 4]])


def _squared(boxes: Array) -> Array:
    """Widen boxes `(N, 5)` to squares around the same middle."""
    sides = boxes[:, 2:4] - boxes[:, :2]
    longer = sides.max(axis=1, keepdims=True)
    first = boxes[:, :2] + sides * np.float32(0.5) - longer * np.float32(0.5)
    return np.column_stack([first, first + longer, boxes[:, 4]])


def _inside(boxes: Array, sums: _Sums) -> tuple[Array, NDArray[np.int64]]:
    """Find the whole pixels `(N, 4)` of boxes that lie in the picture; boxes without any are dropped."""
    regions = np.trunc(boxes[:, :4]).astype(np.int64)
    regions[:, :2] = np.maximum(regions[:, :2], 1) - 1
    regions[:, 2:] = np.minimum(regions[:, 2:], [sums.width, sums.height])
    kept = (regions[:, 2:] > regions[:, :2]).all(axis=1)
    return boxes[kept], regions[kept]


def _suppress(boxes: Array, threshold: float, *, of_smaller: bool = False) -> NDArray[np.intp]:
    """Pick, best score first, the boxes that share no more than a part of their area with a better one.

    Args:
        boxes: `(N, 5)` or more columns: x0, y0, x1, y1, score.
        threshold: Largest part of the union that may be shared (torchvision's `nms`).
        of_smaller: Count in whole pixels and take the part of the smaller box instead (the paper's "Min").
    """
    x0, y0, x1, y1, score = boxes[:, :5].T
    one = np.float32(of_smaller)
    area = (x1 - x0 + one) * (y1 - y0 + one)
    # Scores of exactly 1 are common: ties go to the last box in the last stage, as facenet-pytorch sorts.
    left = np.argsort(score)[::-1] if of_smaller else np.argsort(-score, kind="stable")
    picked: list[int] = []
    while left.size:
        block = left[:_BLOCK, None]
        width = np.minimum(x1[block], x1[left]) - np.maximum(x0[block], x0[left]) + one
        height = np.minimum(y1[block], y1[left]) - np.maximum(y0[block], y0[left]) + one
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        whole = np.minimum(area[block], area[left]) if of_smaller else area[block] + area[left] - shared
        may_stay = shared <= np.float32(threshold) * whole  # row: with which of the others
        stays = np.ones(len(left), bool)
        for i, best in enumerate(block[:, 0]):
            if stays[i]:
                picked.append(int(best))
                stays &= may_stay[i]
        left = left[_BLOCK:][stays[_BLOCK:]]
    return np.array(picked, dtype=np.intp)
