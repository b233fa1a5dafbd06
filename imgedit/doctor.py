"""What of this machine works: versions, processors, GPU libraries, models, a timed edit, and the folders."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from imgedit.errors import ImgeditError
from imgedit.extras import how_to_install, how_to_replace

__all__ = ["Problem", "Report", "examine"]

PACKAGES = (
    "onnxruntime", "onnxruntime-gpu", "numpy", "opencv-python-headless", "pillow", "pillow-heif", "huggingface-hub",
    "typer", "rich", "platformdirs", "gradio", "torch",
)  # fmt: skip
"""Packages whose versions are told, where they are installed."""
_CPU = "CPUExecutionProvider"


@dataclass(frozen=True)
class Problem:
    """Something that does not work.

    Attributes:
        what: what is wrong.
        fix: what would mend it; may be empty.
        is_error: without this imgedit does not work; otherwise it is slower, or can do less.
    """

    what: str
    fix: str = ""
    is_error: bool = False


@dataclass
class Report:
    """What was found.

    Attributes:
        versions: of imgedit, Python, the system and the packages; None for one that is not installed.
        providers: what ONNX Runtime has -> why it cannot be used, or None where a graph ran on it.
        gpus: NVIDIA devices that the driver reports.
        cuda: version of CUDA that ONNX Runtime was built for; empty for none.
        libraries: library of CUDA and cuDNN that it needs -> where it was found, or None.
        cores: that this process may use.
        models: id of a model -> what is wrong with it, or None where every byte is as its manifest says.
        seconds: of a first and a second edit of the bundled portrait, by stage.
        folders: what is kept -> where; that of the models is empty where wrong settings hide it.
        problems: what does not work.
    """

    versions: dict[str, str | None] = field(default_factory=dict)
    providers: dict[str, str | None] = field(default_factory=dict)
    gpus: int = 0
    cuda: str = ""
    libraries: dict[str, str | None] = field(default_factory=dict)
    cores: int = 1
    models: dict[str, str | None] = field(default_factory=dict)
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def works(self) -> bool:
        """Whether photos can be edited."""
        return not any(problem.is_error for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "works": self.works}


def examine(device: str = "auto") -> Report:
    """Examine this machine.

    Args:
        device: where the timed edit runs: `auto`, `cpu`, `cuda` or `cuda:N`.
    """
    report = Report()
    _versions(report)
    _processors(report)
    _models(report)
    _folders(report)
    _self_test(report, device)
    return report


def _versions(report: Report) -> None:
    from imgedit import __version__

    report.versions = {"imgedit": __version__, "python": platform.python_version(), "system": platform.platform()}
    report.versions |= {name: _version(name) for name in PACKAGES}
    if report.versions["onnxruntime"] and report.versions["onnxruntime-gpu"]:
        fix = how_to_replace(["onnxruntime", "onnxruntime-gpu"], "onnxruntime-gpu")
        report.problems.append(Problem("onnxruntime and onnxruntime-gpu overwrite each other's files", fix))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processors(report: Report) -> None:
    import onnxruntime as ort

    from imgedit.models import devices, library, runtime

    report.cores = devices.core_count()
    report.gpus = devices.gpu_count()
    report.cuda = devices.built_for()
    if report.gpus or "CUDAExecutionProvider" in ort.get_available_providers():
        report.libraries = devices.cuda_libraries()
    try:
        graph = library.bundled("mtcnn.facenet").read("pnet")
    except ImgeditError as error:
        report.problems.append(Problem(str(error), "install imgedit again", is_error=True))
        return
    for provider in ort.get_available_providers():
        report.providers[provider] = runtime.why_not(graph, provider)
    if report.providers.get(_CPU, "missing") is not None:
        report.problems.append(Problem("ONNX Runtime cannot run a graph", "install onnxruntime again", is_error=True))
    missing = [name for name, where in report.libraries.items() if where is None]
    if report.gpus and report.providers.get("CUDAExecutionProvider", "missing") is not None:
        names = f" ({', '.join(missing)})" if missing else ""
        loading = f"CUDA or cuDNN cannot be loaded{names}", how_to_install("onnxruntime-gpu[cuda,cudnn]")
        why, fix = devices.why_no_cuda() or loading
        if any(problem.fix == fix for problem in report.problems):  # both packages are installed
            fix = "as above"
        report.problems.append(Problem(f"the GPU cannot be used: {why}", fix))


def _models(report: Report) -> None:
    from imgedit.models import library, manifest

    for root in filter(None, (library.bundled_folder(), _cache_folder()[0])):
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            if folder.name.startswith(".") or not (folder / manifest.FILE).exists():
                continue
            try:
                manifest.verify(folder)
                report.models[folder.name] = None
            except ImgeditError as error:
                report.models[folder.name] = str(error)
                is_own = root == library.bundled_folder()
                fix = "install imgedit again" if is_own else f"imgedit models remove {folder.name.replace('--', '/')}"
                report.problems.append(Problem(f"a model is damaged: {error}", fix, is_error=is_own))


def _folders(report: Report) -> None:
    from imgedit import settings

    place, problems = _cache_folder()
    report.folders = {
        "imgedit": str(Path(__file__).parent), "models": str(place or ""), "settings": str(settings.config_file()),
    }  # fmt: skip
    report.problems += [Problem(problem, "mend or remove it", is_error=True) for problem in problems]
    if place is None:
        return
    while not place.exists() and place != place.parent:
        place = place.parent
    if not os.access(place, os.W_OK):
        fix = "set IMGEDIT_HOME to a folder of your own"
        report.problems.append(Problem(f"models cannot be pulled: no permission to write into {place}", fix))


def _cache_folder() -> tuple[Path | None, list[str]]:
    """Return the folder of pulled models, None where wrong settings hide it, and what is wrong with the settings."""
    from imgedit import settings
    from imgedit.models import library

    problems = settings.survey()[1]
    try:
        return library.cache_folder(), problems
    except ImgeditError as error:
        return None, list(dict.fromkeys([*problems, str(error)]))


def _self_test(report: Report, device: str) -> None:
    from imgedit import photo as photos
    from imgedit.editor import Editor
    from imgedit.edits import translate
    from imgedit.models import library

    try:
        start = time.perf_counter()
        editor = Editor([library.bundled("hair_tones.celebamask_hq")], device)
        plan = translate.prepare("blond", editor.models)
        source = photos.read(Path(__file__).parent / "bundled" / "astronaut.jpg")
        for name in ("first edit", "second edit"):
            done = editor.edit_photo(source, plan)
            whole = time.perf_counter() - start
            report.seconds[name] = {stage: round(s, 3) for stage, s in {**done.timings, "whole": whole}.items()}
            start = time.perf_counter()
        changed = (done.photo.rgb != source.rgb).any(axis=2).mean()
        if len(done.edited) != 1 or not 0.01 < changed < 0.9:
            what = f"the portrait was edited wrongly: {len(done.edited)} faces, {changed:.0%} of it changed"
            report.problems.append(Problem(what, "install imgedit again", is_error=True))
    except ImgeditError as error:
        fix = error.hint or "see above"
        report.problems.append(Problem(f"the portrait could not be edited: {error}", fix, is_error=True))
