"""XMP in GIF files: Pillow reads such a file as before, and the packet comes back."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from imgedit import photo
from imgedit.photo import gif
from imgedit.photo.marking import mark_alone, marked
from tests.photos import picture


def frames(n: int) -> list[Image.Image]:
    return [Image.fromarray(np.roll(picture(), 3 * i, axis=1)) for i in range(n)]


def animation(n: int, **options: object) -> bytes:
    buffer = io.BytesIO()
    first, *rest = frames(n)
    first.save(buffer, "GIF", save_all=True, append_images=rest, **options)
    return buffer.getvalue()


PACKETS = [b"<x/>", bytes(range(1, 256)) * 20, b"\xff" * 700, b"\x01" * 3]


@pytest.mark.parametrize("packet", PACKETS)
@pytest.mark.parametrize("options", [{}, {"loop": 0}, {"loop": 0, "comment": b"edited"}])
def test_a_packet_comes_back_and_a_reader_of_blocks_sees_the_same_pictures(
    packet: bytes, options: dict[str, object]
) -> None:
    data = animation(3, **options)
    held = gif.with_xmp(data, packet)
    assert gif.xmp_of(data) is None
    assert gif.xmp_of(held) == packet
    assert len(held) == len(data) + 14 + len(packet) + 258
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(held))
    assert (after.n_frames, after.info.get("loop"), after.info.get("comment")) == (
        3, before.info.get("loop"), before.info.get("comment"),
    )  # fmt: skip
    for i in range(3):
        before.seek(i)
        after.seek(i)
        assert np.array_equal(np.asarray(before.convert("RGB")), np.asarray(after.convert("RGB")))


def test_the_mark_of_an_edited_animation_is_read_with_the_photo() -> None:
    edited = marked(photo.read(picture()), "blond", [("hair.test", "1.0")])
    packet = mark_alone(edited)
    assert packet is not None
    found = photo.decode(gif.with_xmp(animation(1), packet)).metadata.xmp
    assert found is not None
    assert b"compositeWithTrainedAlgorithmicMedia" in found


def test_a_damaged_gif_has_no_packet() -> None:
    held = gif.with_xmp(animation(2), b"<x/>")
    for cut in range(len(held)):
        assert gif.xmp_of(held[:cut]) in (None, b"<x/>")
