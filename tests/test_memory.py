"""How the memory of an edit grows with the photo: with a colour profile, on its side, and of a comparison."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import imgedit
from tests.photo.test_colour import profile

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other ways")
PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
SIDE = 4000  # px
LIMIT = 5.0
"""Times the decoded size, besides what the small photo takes: 3.8 (profile) and 4.5 (on its side); 5.3 and 6.7 where
each step copies the whole photo. At this size what does not grow with the photo still counts."""

EDIT = """
import resource, sys
import imgedit
imgedit.translate(sys.argv[1], "blond", out=sys.argv[2], device="cpu")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

COMPARED = 5200  # px; the comparison has twice as many pixels, and is a large JPEG
COMPARISON_LIMIT = 0.5
"""Times the decoded size that the encoding of a comparison takes: 0.2; 2.9 where Pillow holds it whole."""

COMPARISON = """
import resource, sys
import numpy as np
from imgedit import photo
side = int(sys.argv[1])
rgb = np.full((side, side, 3), 90, np.uint8)
before = photo.Before(np.zeros((9, 9, 3), np.uint8), 5, 5)
photo.encode(photo.Photo(rgb[:64, :64]), "JPEG", before=before)
held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
photo.encode(photo.Photo(rgb), "JPEG", before=before)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held)
"""


def printed(program: str, *arguments: str) -> int:
    """Return the bytes that a program in a process of its own tells in KiB."""
    environment = {**os.environ, "PYTHONPATH": str(Path(imgedit.__file__).parents[1])}
    command = [sys.executable, "-W", "ignore", "-c", program, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return 1024 * int(done.stdout)


def peak(photo: Path) -> int:
    """Return the most memory, bytes, that a process takes that edits a photo."""
    return printed(EDIT, str(photo), str(photo.with_name(f"edited-{photo.name}")))


@linux
def test_memory_grows_by_no_more_than_a_few_copies_of_the_photo(tmp_path: Path) -> None:
    with Image.open(PORTRAIT) as portrait:
        large = portrait.convert("RGB").resize((SIDE, SIDE))
        portrait.save(tmp_path / "small.jpg")
    large.save(tmp_path / "p3.jpg", icc_profile=profile("Display P3"))
    large.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "side.jpg")
    small = peak(tmp_path / "small.jpg")
    grown = {name: (peak(tmp_path / f"{name}.jpg") - small) / (3 * SIDE**2) for name in ("p3", "side")}
    assert max(grown.values()) <= LIMIT, grown


@linux
def test_a_large_comparison_is_never_held_whole() -> None:
    grown = printed(COMPARISON, str(COMPARED)) / (3 * COMPARED**2)
    assert grown <= COMPARISON_LIMIT, grown
