"""Edits that are timed, and how."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from imgedit.editor import Editor
from imgedit.errors import ConfigError, NoFaceError
from imgedit.models import devices
from imgedit.photo import read
from training.evaluate import layout, report, speed
from training.evaluate.speed import Timing


def test_preparation_and_the_first_run_are_not_timed() -> None:
    done: list[str] = []

    def runs():
        done.append("prepared")
        time.sleep(0.02)

        def run() -> None:
            done.append("run")
            time.sleep(0.2 if len(done) == 2 else 0.001)

        return run

    found = speed.timed(runs, 3)
    assert done == ["prepared", "run"] * 4
    assert len(found.wall) == len(found.processor) == 3
    assert 0.001 <= min(found.wall) < 0.02
    assert max(found.processor) < 0.02  # who sleeps uses no processor


def test_least_and_median_are_told() -> None:
    told = speed.Timing((3.0, 1.0, 2.5), (0.5, 0.25, 0.75)).to_json()
    assert told == {
        "n": 3,
        "wall": {"least": 1.0, "median": 2.5},
        "processor": {"least": 0.25, "median": 0.5},
    }


def test_threads_hold_for_networks_and_opencv_and_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = cv2.getNumThreads(), devices.default_threads()
    with speed.limited(1):
        assert (cv2.getNumThreads(), devices.default_threads()) == (1, 1)
    assert (cv2.getNumThreads(), devices.default_threads()) == before


@pytest.mark.parametrize(("is_close", "least", "most"), [(False, 0.15, 0.3), (True, 0.45, 0.6)])
def test_the_portrait_is_full_hd_and_its_face_as_large_as_said(is_close: bool, least: float, most: float) -> None:
    photo = speed.portrait(is_close=is_close)
    assert photo.rgb.shape == (1080, 1920, 3)
    (subject,) = Editor([], "cpu").prepare(photo, "largest").subjects
    assert subject.mesh is not None
    assert least < np.ptp(subject.mesh.points[:, 1]) / 1080 < most


def test_every_edit_changes_the_portrait_and_is_timed() -> None:
    editor = Editor(None, "cpu")
    photo = speed.portrait()
    plans = speed.edits(editor, photo)
    prepared = editor.prepare(photo, "largest")
    for name, plan in plans.items():
        assert (editor.apply(photo, editor.run(prepared, plan)).rgb != photo.rgb).any(), name
    timings = speed.time_edits(editor, photo, 1)
    assert list(timings) == list(plans)
    assert all(timing.processor[0] > 0 for timing in timings.values())


def test_a_photo_without_a_face_is_refused() -> None:
    with pytest.raises(NoFaceError):
        speed.edits(Editor([], "cpu"), read(np.zeros((64, 64, 3), np.uint8)))


def test_each_edit_is_timed_in_both_views_with_each_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    sides: list[int] = []

    def time_edits(editor: object, photo: object, n: int) -> dict[str, Timing]:
        sides.append(n)
        return {"swap": Timing((0.5,), (0.25,)), "pose": Timing((0.125,), (0.0625,))}

    monkeypatch.setattr(speed, "time_edits", time_edits)
    result = speed.evaluate(n=1, threads=[1, 2], command="imgedit evaluate speed")
    assert [(r["view"], r["threads"], r["edit"]) for r in result["metrics"]["rows"]] == [
        (view, threads, edit) for threads in (1, 2) for view in ("whole", "close") for edit in ("swap", "pose")
    ]
    assert sides == [1] * 4
    text = layout.markdown(report.blocks(result))
    for figure in ("1920x1080", "0.250", "0.500", "0.062", "0.125"):
        assert figure in text


@pytest.mark.parametrize("threads", [[], [0], [1, -1]])
def test_threads_make_sense(threads: list[int]) -> None:
    with pytest.raises(ConfigError, match="threads"):
        speed.evaluate(threads=threads)
