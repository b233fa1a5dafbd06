"""Where the result of each photo goes, and which photos are results themselves."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from pathlib import Path

from imgedit.batch.jobs import STDIN, Files, Job
from imgedit.deliver import check_template, compare_name, filled, names_file
from imgedit.errors import ConfigError
from imgedit.photo import SUFFIXES, default_output, is_marked

__all__ = ["jobs_for"]


def jobs_for(
    jobs: Sequence[Job],
    names: Sequence[str],
    out: str | Path | None = None,
    *,
    files: Files = lambda target: [target],
) -> tuple[list[Job], int]:
    """Name the results.

    Args:
        jobs: the photos.
        names: what an edit's results are named after (`Plan.names`).
        out: a folder, in which folders are kept as they are, and photos of one name from several folders go to folders
            with the names of these; or a template such as `{stem}.{edit}{ext}`; None puts each result beside its photo.
        files: as `run`; a result may also have what --compare writes beside each of them.

    Returns:
        The photos with their targets, and how many were left out because they are results: of this very edit, or of
        other edits of photos that stand beside them, unless they were named themselves.

    Raises:
        ConfigError: `out` is a file, a template has unknown fields, two results would be one file, or the photo from
            standard input has no place to go to.
    """
    if out is None and any(str(job.source) == STDIN for job in jobs):
        raise ConfigError("stdin holds one photo without a name; name it alone, or a folder for the results")
    originals = {(job.source.parent, name) for job in jobs for name in (job.source.stem, job.source.name)}
    kept = list(jobs)
    if out is None:
        kept = [job for job in jobs if not _is_result(job.source, names, originals)]
    kept = [job for job in kept if job.is_named or not _is_other_result(job.source, originals)]  # looks into files
    place = _placer(names, out)
    problems = [job for job in kept if job.problem]
    named = [replace(job, target=place(job)) for job in kept if not job.problem]
    plain = {job.source: job.target for job in named}
    has_template = "{" in str(out or "")
    if not has_template:  # of a.gif and a.ppm both results are PNG: they keep the endings
        named = _where_double(named, lambda job: _with_ending(job, names))
    named = _without_results(named, files)
    if out is not None and not has_template:
        apart = _where_double(named, lambda job: _in_own_folder(job, Path(out), place(job)))
        named = _without_results(apart, files) if apart != named else named
    double = [path for path, count in Counter(job.target for job in named).items() if count > 1]
    if double:
        alike = [job.source for job in named if job.target == double[0]]
        raise ConfigError(
            f"the results of {' and '.join(map(str, alike))} would be one file, {plain[alike[0]]}; edit them into "
            "different folders, name the folder above them with -r, or another template"
        )
    return [*problems, *named], len(jobs) - len(problems) - len(named)


def _is_result(path: Path, names: Sequence[str], originals: Container[tuple[Path, str]]) -> bool:
    """Tell whether a file is the result of an edit of another of the photos, as it is named by default.

    Args:
        path: the file.
        names: as `jobs_for`.
        originals: folder of each photo and its name, with its ending and without.
    """
    stem, ending = path.stem, "." + ".".join(names)
    return stem.endswith(ending) and (path.parent, stem.removesuffix(ending)) in originals


def _is_other_result(path: Path, originals: Container[tuple[Path, str]]) -> bool:
    """Tell whether a file is called after another of the photos, as results are, and says that imgedit edited it."""
    parts = path.stem.split(".")
    starts = (".".join(parts[:n]) for n in range(1, len(parts)))
    return any((path.parent, start) in originals for start in starts) and is_marked(path)


def _without_results(jobs: Sequence[Job], files: Files) -> list[Job]:
    """Leave out photos that are the results of others: results may lie in, or below, the folder of the photos."""
    folders: dict[Path, str] = {}

    def place(path: Path) -> tuple[str, str]:
        """Return what is the same for all paths of a file; a link to a file is a file of its own."""
        if path.parent not in folders:
            folders[path.parent] = os.path.realpath(path.parent)
        return folders[path.parent], path.name

    others = [job for job in jobs if place(job.target) != place(job.source)]
    written = [path for job in others for path in files(job.target)]
    results = {place(path) for path in (*written, *map(compare_name, written))}
    return [job for job in jobs if place(job.target) == place(job.source) or place(job.source) not in results]


def _where_double(jobs: Sequence[Job], renamed: Callable[[Job], Job]) -> list[Job]:
    """Give jobs whose results would be one file other targets."""
    counts = Counter(job.target for job in jobs)
    return [renamed(job) if counts[job.target] > 1 else job for job in jobs]


def _in_own_folder(job: Job, out: Path, target: Path) -> Job:
    """Return a job whose result lies in a folder called as the one that was named, or that holds a named photo.

    Args:
        job: the photo.
        out: the folder of the results.
        target: where the result of the photo goes where there is no other photo of its name.
    """
    folder = Path(os.path.abspath(job.source)).parents[len(job.below.parts) - 1]
    return replace(job, target=out / folder.name / target.relative_to(out))


def _with_ending(job: Job, names: Sequence[str]) -> Job:
    """Return a job whose result keeps the ending of the photo in its name: `a.gif.blond.png`."""
    return replace(job, target=job.target.with_name(".".join([job.source.name, *names]) + job.target.suffix))


def _placer(names: Sequence[str], out: str | Path | None) -> Callable[[Job], Path]:
    """Return what names the result of a photo."""
    if out is None:
        return lambda job: default_output(job.source, names)
    text = str(out)
    if "{" not in text:
        folder = Path(text)
        if text == "-" or (names_file(out) and folder.suffix.lower() in SUFFIXES):
            raise ConfigError(
                f"{text} is one file for many photos; name a folder, or a template such as {{stem}}.{{edit}}{{ext}}"
            )
        return lambda job: folder / job.below.parent / default_output(job.below, names).name
    check_template(text)
    return lambda job: filled(text, job.below, names)
