"""Multi-PIE (Gross et al. 2010) in its own file names `subject_session_recording_camera_light.png`, at any depth.

The set is licensed and comes uncropped; the pictures are squeezed to a square as they are, so give it face crops.
"""

from __future__ import annotations

import re
from pathlib import Path

from imgedit.errors import DataError
from training.data.factors import FactorTable, Loader, Source, last_tenth, squeezed
from training.data.reading import rgb

EXPRESSIONS = {
    ("01", "02"): "smile",
    ("02", "02"): "surprise",
    ("02", "03"): "squint",
    ("03", "02"): "smile",
    ("03", "03"): "disgust",
    ("04", "03"): "scream",
}
"""Session and recording of every expression; the other recordings are neutral."""
CAMERAS = ("110", "120", "090", "080", "130", "140", "051", "050", "041", "190", "200", "010", "240")
"""The cameras at the height of the head, about 15 degrees from one to the next; 051 is in front."""
_NAME = re.compile(r"(\d{3})_(\d\d)_(\d\d)_(\d{3})_(\d\d)\.png")


def read(folder: Path) -> Source:
    """Find the pictures, in folders of their own or not.

    Factors: `identity` (subject), `pose` (camera) and `expression` (session and recording). `test` is the last tenth of
    the sorted people.
    """
    found = [(p, m) for p in sorted(folder.rglob("*.png")) if (m := _NAME.fullmatch(p.name))]
    if not found:
        raise DataError(f"no files such as 001_01_01_051_07.png (subject_session_recording_camera_light) in {folder}")
    people = [m[1] for _, m in found]
    factors = {
        "pose": [m[4] for _, m in found],
        "expression": [EXPRESSIONS.get((m[2], m[3]), "neutral") for _, m in found],
    }
    table = FactorTable(
        "multipie", people, factors, last_tenth(people), {}, mirrored=dict(zip(CAMERAS, reversed(CAMERAS), strict=True))
    )
    return table, lambda i, size: squeezed(rgb(found[i][0]), size)


load = Loader(read)
