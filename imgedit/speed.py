"""How fast imgedit is on this machine: its start, edits, detection, a folder of photos, and every bundled model.

All pictures are made of the bundled portrait. Times are by the clock, in seconds; of several runs the median.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgedit import photo as photos
from imgedit.edits.plan import Plan
from imgedit.errors import ConfigError
from imgedit.models import devices, graphs, library, manifest
from imgedit.models.library import Model

__all__ = ["PARTS", "macs", "measure", "scene"]

PARTS = ("start", "edits", "detection", "folder", "models")
"""What can be measured, in this order."""
SIZE = (1920, 1080)
"""Width and height of the photo that is edited, px."""
LARGE = (5472, 3648)
"""Width and height of a photo of 20 megapixels."""
DETECTION = (540, 720, 1080)
"""Heights of the photos that faces are looked for in, px; as wide as 16:9."""
FACES = (1, 4, 16)
"""Faces in the photos that are edited."""
PHOTO = 640
"""Side of the photos in the folder, px."""

_EMPTY = "import typer; app = typer.Typer(); app.command()(lambda: None); app()"
_GROUND = (90, 90, 90)  # colour beside the portraits
_TOGETHER = 8  # pictures that a graph is given at once, where it takes any number
_FREE = 128  # px; what a free side of a graph's input is set to

Report = dict[str, dict[str, Any]]


def measure(
    parts: Sequence[str] = PARTS,
    *,
    n_photos: int = 200,
    repeats: int = 5,
    device: str = "auto",
    say: Callable[[str], object] = lambda text: None,
) -> Report:
    """Measure parts.

    Args:
        parts: of `PARTS`.
        n_photos: photos in the folder.
        repeats: runs of everything else.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        say: is told what is being measured.

    Returns:
        Part -> figure -> value: seconds unless its name says otherwise.

    Raises:
        ConfigError: there is no such part, or nothing to measure.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise ConfigError(f"nothing called {unknown[0]!r} is measured; known: {', '.join(PARTS)}")
    if n_photos < 4 or repeats < 1:
        raise ConfigError(f"at least 4 photos and 1 run are needed, got {n_photos} and {repeats}")
    ways: dict[str, Callable[[], dict[str, Any]]] = {
        "start": lambda: _start(repeats, device),
        "edits": lambda: _edits(repeats, device),
        "detection": lambda: _detection(repeats, device),
        "folder": lambda: _folder(n_photos, device),
        "models": lambda: _models(repeats, device),
    }
    report: Report = {
        "machine": {
            "processor": devices.processor(),
            "cores": devices.core_count(),
            "threads": devices.default_threads(),
        }
    }
    for part in (part for part in PARTS if part in parts):
        say(part)
        report[part] = ways[part]()
    report["machine"] |= {"device": devices.used(), "peak memory, MB": _peak_memory()}
    return report


def scene(faces: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return a photo, `(height, width, 3)`, of the bundled portrait in a square grid; `faces` is a square number."""
    import cv2

    side = round(faces**0.5)
    portrait = photos.read(library.bundled_folder() / "astronaut.jpg").rgb
    tile = height // side
    one = cv2.resize(portrait, (tile, tile), interpolation=cv2.INTER_AREA)
    grid = np.tile(one, (side, side, 1))
    rest = (height - grid.shape[0], width - grid.shape[1])
    return np.asarray(cv2.copyMakeBorder(grid, 0, rest[0], 0, rest[1], cv2.BORDER_CONSTANT, value=_GROUND), np.uint8)


def _timed(run: Callable[[], object], repeats: int) -> float:
    """Return the median of several runs after one that is left out."""
    taken = [_seconds(run) for _ in range(repeats + 1)]
    return round(statistics.median(taken[1:]), 4)


def _seconds(run: Callable[[], object]) -> float:
    """Return how long one run takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _start(repeats: int, device: str) -> dict[str, Any]:
    """Time processes: the help beside that of an empty Typer application, and a first edit."""

    def process(*args: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, *args], capture_output=True, check=True, env=env)

    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with tempfile.TemporaryDirectory() as folder:
        source = photos.read(scene(1, *SIZE))
        photos.write(source, source.rgb, Path(folder) / "a.jpg")
        out = str(Path(folder) / "b.jpg")
        edit = ("-m", "imgedit", "translate", "--attr", "blond", "--device", device, str(Path(folder) / "a.jpg"))
        helped, empty = (
            _timed(process("-m", "imgedit", "--help"), repeats),
            _timed(process("-c", _EMPTY, "--help"), repeats),
        )
        return {
            "--help": helped,
            "--help of an empty Typer application": empty,
            "--help, times that of an empty application": round(helped / empty, 2),
            f"first edit, {SIZE[0]}x{SIZE[1]}": _timed(process(*edit, "-o", out, "--overwrite"), repeats),
        }


def _edits(repeats: int, device: str) -> dict[str, Any]:
    """Time edits with loaded networks, from the photo in memory to the edited photo in memory."""
    from imgedit.editor import Editor
    from imgedit.edits import express, pose, translate

    editor = Editor(device=device)
    plans: dict[str, Plan] = {
        "translate --attr blond": translate.prepare("blond", editor.models),
        "express --smile 0.5": express.prepare({"smile": 0.5}),
        "pose --yaw 15": pose.prepare(15.0),
    }
    figures: dict[str, Any] = {}
    for count in FACES:
        photo = photos.read(scene(count, *SIZE))
        figures[f"faces found of {count}"] = len(editor.faces(photo))
        for name, plan in plans.items():
            figures[f"{name}, faces: {count}"] = _timed(functools.partial(editor.edit_photo, photo, plan), repeats)
    blond = plans["translate --attr blond"]
    small, large = (
        _timed(functools.partial(editor.edit_photo, photos.read(scene(1, *size)), blond), repeats)
        for size in (SIZE, LARGE)
    )
    figures |= {
        f"translate --attr blond, {LARGE[0]}x{LARGE[1]}": large,
        f"{LARGE[0]}x{LARGE[1]}, times {SIZE[0]}x{SIZE[1]}": round(large / small, 2),
    }
    return figures


def _detection(repeats: int, device: str) -> dict[str, Any]:
    """Time the search for faces on photos of several sizes, in turn with facenet-pytorch where that is installed."""
    from imgedit.vision import faces

    ours: dict[str, float] = {}
    theirs: dict[str, Any] = {}
    has_facenet = all(importlib.util.find_spec(package) for package in ("torch", "facenet_pytorch"))
    # In a process of its own, so that torch does not count to the peak memory.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        for height in DETECTION:
            rgb = scene(1, height * 16 // 9, height)
            search = functools.partial(faces.detect, rgb, device=device, max_side=None)
            taken = []
            for _ in range(repeats + 1):
                taken.append([_seconds(search)])
                if has_facenet:
                    taken[-1].append(pool.submit(_facenet, rgb, devices.default_threads()).result())
            turns, name = np.array(taken[1:]), f"{height}p"
            ours[name] = round(float(np.median(turns[:, 0])), 4)
            if has_facenet:
                theirs[f"{name}, facenet-pytorch on the CPU"] = round(float(np.median(turns[:, 1])), 4)
                theirs[f"{name}, times facenet-pytorch's rate"] = round(float(np.median(turns[:, 1] / turns[:, 0])), 2)
    return ours | theirs


def _facenet(rgb: NDArray[np.uint8], threads: int) -> float:
    """Return the seconds of one search by facenet-pytorch, with its own settings, which are ours too."""
    return _seconds(functools.partial(_facenet_detector(threads).detect, Image.fromarray(rgb), landmarks=True))


@functools.cache
def _facenet_detector(threads: int) -> Any:
    import torch
    from facenet_pytorch import MTCNN

    torch.set_num_threads(threads)
    return MTCNN(keep_all=True, device="cpu")


def _folder(n_photos: int, device: str) -> dict[str, Any]:
    """Time a folder of photos with one job of one thread, and with as many jobs as there are cores."""
    from imgedit import batch
    from imgedit.batch import Job
    from imgedit.editor import Editor
    from imgedit.edits import translate

    cores = devices.core_count()
    figures: dict[str, Any] = {"photos": n_photos, "side of a photo, px": PHOTO}
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        source = photos.read(scene(1, PHOTO, PHOTO))
        first = photos.write(source, source.rgb, Path(folder) / "a.jpg")
        for jobs in dict.fromkeys((1, cores)):
            with devices.threads_limited(1):
                editor = Editor(device=device)
                edit = batch.edit_files(editor, translate.prepare("blond", editor.models))
                targets = [Job(first, Path("a.jpg"), Path(folder) / str(jobs) / f"{i}.jpg") for i in range(n_photos)]
                next(batch.run(edit, [Job(first, Path("a.jpg"), Path(folder) / f"warm-{jobs}.jpg")]))
                used = []
                start = time.perf_counter()
                for outcome in batch.run(edit, targets, workers=jobs):
                    if outcome.error is not None:
                        raise outcome.error
                    del outcome
                    used.append(_memory())
                rates[jobs] = n_photos / (time.perf_counter() - start)
            figures[f"photos a second, jobs: {jobs}"] = round(rates[jobs], 2)
            figures[f"memory after a quarter and at the end, MB, jobs: {jobs}"] = [used[n_photos // 4], used[-1]]
    figures["share of cores times one job's rate"] = round(rates[cores] / (cores * rates[1]), 2)
    return figures


def _models(repeats: int, device: str) -> dict[str, Any]:
    """Count and time each graph of each bundled model on an input of its own crop, or of 128 px where any will do."""
    figures = {}
    for folder in library.folders():
        if folder.parent != library.bundled_folder():
            continue
        model = library.load(folder)
        for role, graph in model.manifest.graphs.items():
            feeds = _inputs(model, role)
            content = manifest.read_graph(folder, graph)
            session = _session(model, role, device)
            figures[f"{model.id}: {role}"] = {
                "GMAC": round(macs(content, feeds) / 1e9, 4),
                "parameters": graphs.parameters(content),
                "bytes": graph.bytes,
                "ms": round(1000 * _timed(functools.partial(session.run, feeds), repeats), 2),
            }
            if feeds:
                figures[f"{model.id}: {role}"]["bound, times ms"] = _bound(content, feeds, repeats, device)
            if session.takes_rows:
                many = _inputs(model, role, _TOGETHER)
                seconds = _timed(functools.partial(session.run, many), repeats)
                figures[f"{model.id}: {role}"][f"ms each of {_TOGETHER}"] = round(1000 * seconds / _TOGETHER, 2)
    return figures


def _bound(content: bytes, feeds: dict[str, NDArray[np.float32]], repeats: int, device: str) -> float:
    """Return how long a graph takes with IO binding, as a multiple of the time without; in turn, median of the ratios.

    As in an edit, each input is new in main memory, and each output is read there.

    Args:
        content: an ONNX file.
        feeds: its inputs.
        repeats: turns.
        device: where it runs.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = devices.default_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(content, options, providers=devices.providers(device), enable_fallback=0)
    binding = session.io_binding()
    for output in session.get_outputs():
        binding.bind_output(output.name)

    def bound() -> object:
        for name, value in feeds.items():
            binding.bind_cpu_input(name, value)
        session.run_with_iobinding(binding)
        return binding.copy_outputs_to_cpu()

    def plain() -> object:
        return session.run(None, feeds)

    bound()
    plain()
    return round(statistics.median(_seconds(bound) / _seconds(plain) for _ in range(repeats)), 2)


def _session(model: Model, role: str, device: str) -> Any:
    from imgedit.models.sessions import Sessions

    return Sessions(device).open(model, role)


def _inputs(model: Model, role: str, n: int = 1) -> dict[str, NDArray[np.float32]]:
    """Return inputs of zeros for a graph: `n` pictures where it takes any number, free sides as the model's crop."""
    session = _session(model, role, "cpu")
    crop = model.manifest.crop
    sides = {2: crop.height or _FREE, 3: crop.width or _FREE}
    sizes = {
        name: [size or (n if axis == 0 else sides.get(axis, _FREE)) for axis, size in enumerate(shape)]
        for name, shape in session.inputs.items()
    }
    return {name: np.zeros(shape, np.float32) for name, shape in sizes.items()}


def macs(content: bytes, feeds: Mapping[str, NDArray[Any]]) -> int:
    """Count the multiplications with additions of a graph's convolutions and matrix products, by running it.

    Args:
        content: an ONNX file.
        feeds: its inputs.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.enable_profiling = True
    options.add_session_config_entry("session.disable_prepacking", "1")  # packed weights would tell no shape
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # the operators of the file
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        session.run(None, dict(feeds))
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return sum(_macs_of(event.get("args", {})) for event in events if event.get("name", "").endswith("_kernel_time"))


def _macs_of(args: Mapping[str, Any]) -> int:
    operator = args.get("op_name")
    if operator not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0
    given, made = (list(_shapes(args[key])) for key in ("input_type_shape", "output_type_shape"))
    if operator == "Conv":
        return prod(made[0]) * prod(given[1][1:])
    if operator == "ConvTranspose":
        return prod(given[0]) * prod(given[1][1:])
    return prod(made[0]) * (given[0][-1] if operator == "MatMul" else prod(given[0]) // made[0][0])


def _shapes(typed: Sequence[Mapping[str, Sequence[int]]]) -> Iterator[Sequence[int]]:
    for one in typed:
        yield from one.values()


def _memory() -> int:
    """Return the memory that this process holds, MB; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def _peak_memory() -> int:
    """Return the most memory that this process has held, MB; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6)
