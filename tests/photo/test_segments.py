"""JPEG files whose damaged segments keep Pillow from opening them are read without these."""

from __future__ import annotations

import io
import logging
import struct

import numpy as np
import pytest
from PIL import Image

from imgedit import photo
from imgedit.errors import PhotoError
from imgedit.photo import segments
from tests.photos import picture


def jpeg(*extra: tuple[int, bytes]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "JPEG", comment=b"mine")
    data = buffer.getvalue()
    return data[:2] + b"".join(struct.pack(">BBH", 0xFF, m, len(c) + 2) + c for m, c in extra) + data[2:]


DAMAGED = {
    "APP13 within the name of a resource": (0xED, b"Photoshop 3.0\x008BIM\x04\x04"),
    "APP14 before the version": (0xEE, b"Adobe"),
    "APP0 before the version": (0xE0, b"JFIF\x00"),
    "APP2 without a number": (0xE2, b"ICC_PROFILE\x00"),
}


@pytest.mark.parametrize("name", [*DAMAGED, "all of them"])
def test_a_damaged_segment_is_dropped_with_a_warning_and_the_picture_read(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = photo.decode(jpeg())
    damaged = list(DAMAGED.values()) if name == "all of them" else [DAMAGED[name]]
    with caplog.at_level(logging.WARNING, "imgedit"):
        found = photo.decode(jpeg(*damaged), "photo.jpg")
    assert np.array_equal(found.rgb, wanted.rgb)
    assert found.metadata.comments == (("Comment", "mine"),)
    assert [record.getMessage().startswith("photo.jpg: its head is damaged") for record in caplog.records] == [True]
    assert all(segments.NAMES[marker] in caplog.text for marker, _ in damaged)


def test_a_sound_picture_loses_nothing_and_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    assert segments.without(jpeg(), [0xED]) == jpeg()
    assert segments.without(jpeg((0xED, b"x")), [0xED]) == jpeg()
    photo.decode(jpeg((0xED, b"Photoshop 3.0\x00")))
    assert caplog.text == ""


def test_what_is_no_jpeg_behind_its_first_bytes_is_still_refused() -> None:
    for data in (segments.START, segments.START + b"\xe0\xff\xff", segments.START + b"\xff" * 50, jpeg()[:300]):
        with pytest.raises(PhotoError):
            photo.decode(data)
