"""The evaluation of turned heads: how its figures are laid out, and what data it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgedit.errors import ConfigError, DataError
from training.evaluate import layout, report
from training.evaluate.faces import pose


def result() -> dict[str, object]:
    front = dict.fromkeys(("yaw_before", "yaw_after", "pitch_before", "pitch_after", "roll_before", "roll_after"), 1.25)
    likeness = dict.fromkeys(("cosine", "cosine_least", "centred_cosine", "centred_cosine_least", "distance"), 0.5)
    asked = {"asked": 15.0, "n": 9, "failures": 0, "reached": 13.5, "error": 1.5, "centred_cosine": 0.9}
    metrics = {
        "frontalize": {**front, **likeness, "same_person": 0.75, "failures": 2},
        "asked": [asked],
        "processor_seconds_1080p": 0.2,
    }
    return {
        "model": "m",
        "kind": "pose",
        "data": "celebamask_hq",
        "split": "test",
        "seed": 0,
        "n": 7,
        "metrics": metrics,
    }


def test_every_figure_is_said() -> None:
    text = layout.plain(report.blocks(result()), 80)
    assert "7 test pictures of celebamask_hq with yaw 14 to 36 degrees" in text
    for figure in ("75.0", "+15", "+13.5", "1.5", "0.900", "0.20"):
        assert figure in text.split()


def test_another_data_set_or_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="celebamask_hq:DIR"):
        pose.evaluate("celeba:x")
    with pytest.raises(DataError, match="no pictures"):
        pose.evaluate(f"celebamask_hq:{tmp_path}")


def test_a_frame_shows_the_eyes_where_celeba_has_them() -> None:
    from imgedit.vision.geometry import FACE_TEMPLATE

    rgb = np.zeros((436, 356, 3), np.uint8)
    for x, y in np.rint(2 * FACE_TEMPLATE).astype(int):
        rgb[y - 3 : y + 4, x - 3 : x + 4] = 255
    shown = pose.frame(rgb, np.asarray(2 * FACE_TEMPLATE, np.float32))
    assert shown.shape == (218, 178, 3)
    x, y = np.rint(FACE_TEMPLATE[0]).astype(int)
    assert shown[y, x].min() > 200
