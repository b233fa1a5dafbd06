"""XMP, IPTC and comments of one format in another; the mark of an edit in every format that has a place for it."""

from __future__ import annotations

import io
import logging
import struct
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, IptcImagePlugin, PngImagePlugin

from imgedit import photo
from imgedit.photo import resources, xmp
from tests.photo.test_xmp import IPTC, PACKET, attribute, history
from tests.photos import exif_with, picture

RIGHTS = "© Zoë".encode()
IIM = b"".join(
    b"\x1c\x02" + struct.pack(">BH", tag, len(value)) + value for tag, value in ((80, b"Zo\xc3\xab"), (116, RIGHTS))
)
UPRIGHT = xmp.upright(PACKET)


def resource(tag: int, data: bytes, name: bytes = b"") -> bytes:
    label = bytes([len(name)]) + name
    label += b"\0" * (len(label) % 2)
    return b"8BIM" + struct.pack(">H", tag) + label + struct.pack(">I", len(data)) + data + b"\0" * (len(data) % 2)


KEPT = resource(0x0404, IIM, b"odd") + resource(0x0425, b"digest!")
BLOCKS = resource(0x040C, b"a thumbnail") + KEPT[:-1] + b"\0" + resource(0x0424, b"<old xmp>")


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg(*segments: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture(16, 24)).save(buffer, "JPEG", quality=90)
    data = buffer.getvalue()
    return data[:2] + b"".join(segments) + data[2:]


FULL = jpeg(
    segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PACKET),
    segment(0xED, b"Photoshop 3.0\0" + BLOCKS),
    segment(0xFE, b"all rights reserved"),
    segment(0xFE, b"caf\xe9"),
)


def written(source: photo.Photo, path: Path) -> photo.Photo:
    return photo.read(photo.write(source, source.rgb, path))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_the_authors_rights_survive_in_every_format_that_holds_them(tmp_path: Path, suffix: str) -> None:
    source = photo.decode(FULL)
    assert source.metadata.xmp == UPRIGHT
    assert source.metadata.iptc == KEPT
    assert source.metadata.comments == (("Comment", "all rights reserved"), ("Comment", "caf\udce9"))
    for origin in (source, replace(source, exif=exif_with())):
        again = written(origin, tmp_path / f"a{len(list(tmp_path.iterdir()))}{suffix}")
        assert again.metadata.xmp == UPRIGHT
        assert (again.exif is None) == (origin.exif is None)
        assert again.metadata.iptc == (KEPT if suffix in (".jpg", ".png", ".tif") else None)
        comments = dict(again.metadata.comments)
        if suffix == ".jpg":
            assert again.metadata.comments == source.metadata.comments
        elif suffix == ".png":
            assert comments == {"Comment": "caf\ufffd"}  # a later one of the same keyword stands for it


def test_another_program_finds_iptc(tmp_path: Path) -> None:
    for suffix in (".jpg", ".tif"):
        source = photo.decode(FULL)
        with Image.open(photo.write(source, source.rgb, tmp_path / f"a{suffix}")) as image:
            fields = IptcImagePlugin.getiptcinfo(image)
        assert fields is not None
        assert fields[(2, 116)] == RIGHTS


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_an_edited_photo_says_so(tmp_path: Path, suffix: str) -> None:
    for name, given in (("full", FULL), ("bare", jpeg())):
        source = photo.decode(given)
        edited = photo.marked(source, "blond=0.5, smiling", [("hair.celeba", "1.2"), ("face.celeba", "3.4")])
        again = written(edited, tmp_path / f"{name}{suffix}")
        packet = again.metadata.xmp
        assert packet is not None
        assert attribute(packet, f"{IPTC}DigitalSourceType") == [xmp.COMPOSITE]
        assert attribute(packet, f"{IPTC}AIPromptInformation") == ["blond=0.5, smiling"]
        assert attribute(packet, f"{IPTC}AISystemUsed") == ["imgedit (hair.celeba, face.celeba)"]
        assert attribute(packet, f"{IPTC}AISystemVersionUsed")[0].endswith("(1.2, 3.4)")
        assert len(history(packet)) == 1
        plain = written(source, tmp_path / f"{name}.plain{suffix}")
        assert b"DigitalSourceType" not in (plain.metadata.xmp or b"")


def test_a_generated_picture_says_that_too() -> None:
    packet = photo.marked(photo.read(picture()), "sample", [], generated=True).metadata.xmp
    assert packet is not None
    assert attribute(packet, f"{IPTC}DigitalSourceType") == [xmp.GENERATED]
    assert attribute(packet, f"{IPTC}AISystemUsed") == ["imgedit"]


def test_the_same_edit_gives_the_same_bytes() -> None:
    source = photo.decode(FULL)
    assert photo.encode(photo.marked(source, "blond", [])) == photo.encode(photo.marked(source, "blond", []))


@pytest.mark.parametrize(
    ("marker", "content", "says"),
    [
        (
            0xEB,
            b"JP\0\x01" + b"\0" * 12 + b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71\x03c2pa\0",
            "C2PA",
        ),
        (0xE2, b"MPF\0II*\0", "further pictures (MPF)"),
        (0xE2, b"urn:iso:std:iso:ts:21496:-1\0", "HDR gain map"),
        (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40, "extended XMP"),
        (0xE5, b"Ranging\x1b data", "APP5 Ranging"),
        (0xE7, b"\x01\x02", "APP7 data"),
    ],
)
def test_what_an_edited_photo_cannot_hold_is_named(
    caplog: pytest.LogCaptureFixture, marker: int, content: bytes, says: str
) -> None:
    with caplog.at_level(logging.WARNING):
        source = photo.decode(jpeg(segment(marker, content)))
    assert caplog.text == ""  # who only looks at a photo loses nothing
    with caplog.at_level(logging.WARNING):
        again = photo.encode(source, name="b.jpg")
    assert f"b.jpg: left out, since it belongs to the photo before the edit: {says}" in caplog.text.replace(
        "content credentials (", ""
    ).replace("an HDR", "HDR")
    assert content not in again
    assert photo.decode(again).metadata.left_out == ()


def test_what_describes_the_coding_is_no_loss(caplog: pytest.LogCaptureFixture) -> None:
    given = jpeg(segment(0xEE, b"Adobe\0d\0\0\0\0\x01"), segment(0xEC, b"Ducky\0"), segment(0xE0, b"JFXX\0"))
    with caplog.at_level(logging.WARNING):
        photo.encode(photo.decode(given))
    assert caplog.text == ""


def test_content_credentials_are_seen_in_png_too() -> None:
    info = PngImagePlugin.PngInfo()
    info.add(b"caBX", b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71", True)
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "PNG", pnginfo=info)
    assert photo.decode(buffer.getvalue()).metadata.left_out == ("content credentials (C2PA), which an edit breaks",)


@pytest.mark.parametrize(
    ("segments", "says"),
    [
        ([segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PACKET[:300])], "its XMP is damaged and dropped"),
        ([segment(0xED, b"Photoshop 3.0\0" + BLOCKS[:-8])], "its IPTC block is damaged and dropped"),
        ([segment(0xED, b"Photoshop 3.0\0rubbish")], "its IPTC block is damaged and dropped"),
    ],
)
def test_damaged_metadata_are_dropped_and_the_photo_read(
    caplog: pytest.LogCaptureFixture, segments: list[bytes], says: str
) -> None:
    with caplog.at_level(logging.WARNING):
        source = photo.decode(jpeg(*segments), "a.jpg")
    assert f"a.jpg: {says}" in caplog.text
    assert caplog.text.count("WARNING") == 1
    assert (source.metadata.xmp, source.metadata.iptc) == (None, None)
    assert np.array_equal(source.rgb, photo.decode(jpeg()).rgb)


def test_a_png_keeps_its_texts_and_jpeg_gets_them_with_their_keywords(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "Zoë")
    info.add_itxt("Copyright", "写真 rights", "ja", "x")
    info.add_text("Comment", "c" * 3000, zip=True)
    info.add_itxt("XML:com.adobe.xmp", PACKET.decode())
    Image.fromarray(picture()).save(tmp_path / "a.png", pnginfo=info)
    source = photo.read(tmp_path / "a.png")
    texts = {"Author": "Zoë", "Copyright": "写真 rights", "Comment": "c" * 3000}
    assert dict(source.metadata.comments) == texts
    again = written(source, tmp_path / "b.png")
    assert dict(again.metadata.comments) == texts
    assert again.metadata.xmp == UPRIGHT
    as_jpeg = written(source, tmp_path / "b.jpg").metadata.comments
    assert [text for _, text in as_jpeg] == ["Author: Zoë", "Copyright: 写真 rights", "c" * 3000]


@pytest.mark.parametrize("content", [KEPT, IIM])
def test_iptc_in_a_png_is_read_as_imagemagick_writes_it(content: bytes) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type iptc", f"\niptc\n{len(content):8d}\n{content.hex()[:72]}\n{content.hex()[72:]}\n")
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "PNG", pnginfo=info)
    source = photo.decode(buffer.getvalue())
    assert source.metadata.iptc is not None
    assert resources.iim(source.metadata.iptc) == IIM
    assert source.metadata.comments == ()


def test_a_gif_gives_its_comment_to_the_png(tmp_path: Path) -> None:
    Image.fromarray(picture()).save(tmp_path / "a.gif", comment=b"mine")
    source = photo.read(tmp_path / "a.gif")
    assert written(source, tmp_path / "b.png").metadata.comments == (("Comment", "mine"),)


@pytest.mark.parametrize(("suffix", "kind"), [(".bmp", "BMP"), (".webp", "WEBP"), (".jp2", "JPEG2000")])
def test_what_a_format_has_no_place_for_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str, kind: str
) -> None:
    source = photo.marked(photo.decode(FULL), "blond", [])
    with caplog.at_level(logging.WARNING):
        written(source, tmp_path / f"a{suffix}")
    lost = "IPTC and comments" if kind == "WEBP" else "XMP and IPTC and comments"
    assert f"{kind} cannot hold {lost}, which is dropped" in caplog.text
    assert ("does not say that the photo was edited" in caplog.text) == (kind != "WEBP")


def test_a_packet_too_long_for_jpeg_leaves_the_mark(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", PACKET.decode().replace("Zoë", "Zoë" * 40_000))
    Image.fromarray(picture()).save(tmp_path / "a.png", pnginfo=info)
    source = photo.read(tmp_path / "a.png")
    with caplog.at_level(logging.WARNING):
        again = written(photo.marked(source, "blond", []), tmp_path / "b.jpg").metadata.xmp
    assert "too long for JPEG" in caplog.text
    assert again is not None
    assert attribute(again, f"{IPTC}DigitalSourceType") == [xmp.COMPOSITE]
    assert written(source, tmp_path / "c.jpg").metadata.xmp is None
    padded = replace(source, metadata=photo.Metadata(PACKET[:-20] + b" " * 70_000 + b"\n" + PACKET[-19:]))
    kept = written(padded, tmp_path / "d.jpg").metadata.xmp
    assert kept is not None
    assert "Zoë" in ElementTree.tostring(ElementTree.fromstring(kept), "unicode")


def test_iptc_longer_than_a_segment_is_split_and_joined(tmp_path: Path) -> None:
    long = resource(0x0404, IIM) + resource(0x1234, bytes(range(256)) * 600)
    source = replace(photo.read(picture()), metadata=photo.Metadata(iptc=long))
    assert written(source, tmp_path / "a.jpg").metadata.iptc == long


def test_a_pillow_image_brings_its_packet() -> None:
    with Image.open(io.BytesIO(FULL)) as image:
        source = photo.read(image)
        assert source.metadata.xmp == UPRIGHT
        assert photo.to_image(source).info["xmp"] == UPRIGHT
