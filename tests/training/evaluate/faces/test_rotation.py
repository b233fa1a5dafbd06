"""The evaluation of drawn poses: what is compared with what, and how it is laid out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imgedit.errors import ConfigError
from imgedit.vision import geometry
from training.data.grouped import Grouped, Views
from training.evaluate import layout, report
from training.evaluate.faces import rotation


class Oracle:
    """A graph that knows people by their red, and draws the pose that it is asked for in green."""

    outputs = ("image_out",)

    def __init__(self, right: bool = True) -> None:
        self.right = right

    def run(self, feeds: dict[str, Any]) -> dict[str, Any]:
        image = feeds["image"].copy()
        pose = feeds["pose"].argmax(1)
        image[:, 1] = (pose if self.right else 2 - pose)[:, None, None] / 127.5 * 40 - 1.0
        return {"image_out": image}


def people(first: int, n: int = 4) -> Grouped:
    """Each person in three poses: red tells the person, green the pose; the pictures are not flat."""
    images = np.zeros((3 * n, 12, 12, 3), np.uint8)
    who, pose = np.repeat(np.arange(n), 3), np.tile(np.arange(3), n)
    images[..., 0] = 10 * (first + who)[:, None, None] + np.arange(12)
    images[..., 1] = 40 * pose[:, None, None]
    return Grouped(images, who, [str(i) for i in range(n)], views=Views(pose))


def test_a_perfect_model_has_no_error_and_a_copy_has() -> None:
    found = rotation.view_pairs(Oracle(), people(0), people(8), 3)  # type: ignore[arg-type]
    for way in ("drawn", "copied"):
        assert np.diag(found[way]["l1"]) == pytest.approx(0.0, abs=1e-9)
    assert np.array(found["drawn"]["l1"]) == pytest.approx(0.0, abs=1e-9)
    assert np.array(found["drawn"]["ssim"]) == pytest.approx(1.0)
    assert (np.array(found["drawn"]["rank_1"]) == 1.0).all()
    # green is off by 40 a pose, in one of three colours
    assert found["copied"]["l1"][0] == pytest.approx([0.0, 40 / 255 / 3, 80 / 255 / 3])
    assert found["chance"] == 0.25
    assert found["mean_picture"]["l1"] > 0


def test_rows_are_the_given_poses_and_columns_the_wanted_ones() -> None:
    found = rotation.view_pairs(Oracle(right=False), people(0), people(8), 3)  # type: ignore[arg-type]
    table = np.array(found["drawn"]["l1"])
    assert table[:, 1] == pytest.approx(0.0, abs=1e-9)  # the middle pose is its own mirror image
    assert table[:, 0] == pytest.approx(80 / 255 / 3)


def test_only_sets_with_each_person_once_in_every_pose_are_complete() -> None:
    data = people(0)
    assert rotation._is_complete(data, 3)
    assert not rotation._is_complete(data, 4)
    assert not rotation._is_complete(data.subset(np.arange(11)), 3)


def test_a_window_lies_where_the_frame_has_it() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (218, 178, 3), np.uint8)
    x0, y0, side = geometry.INNER
    put = rotation._frame(np.ascontiguousarray(frame[y0 : y0 + side, x0 : x0 + side]), "inner")
    assert put.shape == frame.shape
    np.testing.assert_array_equal(put[y0 : y0 + side, x0 : x0 + side], frame[y0 : y0 + side, x0 : x0 + side])


def test_every_figure_is_said() -> None:
    table = np.arange(9.0).reshape(3, 3) / 100
    way = {"l1": table.tolist(), "ssim": (table + 0.5).tolist(), "rank_1": (table * 10).tolist()}
    views = {"chance": 0.025, "drawn": way, "copied": way, "mean_picture": {"l1": 0.123, "ssim": 0.456}}
    share = {"left": 0.75, "front": 0.5, "right": 0.25}
    faces = {"n": 9, "chance": 1 / 60, "obeyed": share, "obeyed_real": share, "rank_1_drawn": 0.12}
    result = {
        "model": "m", "kind": "rotation", "data": "fei", "split": "test", "seed": 0, "n": 12, "steps": 2200,
        "metrics": {"people": 4, "poses": ["left", "front", "right"], "views": views, "seconds": 0.004,
                    "faces": {**faces, "rank_1_profiles": 0.34}},
    }  # fmt: skip
    text = layout.markdown(report.blocks(result))
    for figure in (
        "after 2200 steps",
        "0.0400",
        "0.540",
        "40.0",
        "0.1230",
        "0.456",
        "2.5",
        "1.7",
        "12.0",
        "34.0",
        "4 ms",
    ):
        assert figure in text, figure


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="of kind classify"):
        rotation.evaluate("digit_classifier.mnist", "fei:x")


def test_the_figures_of_painted_halves_are_said() -> None:
    figures = {"l1": 0.0123, "ssim": 0.876, "identity_distance": 0.321, "same_person": 0.95, "rank_1": 0.64}
    metrics = {"seconds": 0.012, "painted": figures, "mirrored": {**figures, "l1": 0.0456}}
    result = {
        "model": "m",
        "kind": "rotation",
        "data": "fronts",
        "split": "test",
        "seed": 0,
        "n": 77,
        "metrics": metrics,
    }
    text = layout.markdown(report.blocks(result))
    for figure in ("77 test faces", "12 ms", "0.0123", "0.0456", "0.876", "0.321", "95.0", "64.0"):
        assert figure in text, figure
