"""Files of one call are named before the work, and written all or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from imgedit import deliver, photo
from imgedit.deliver import File
from imgedit.errors import ConfigError, OutputError
from imgedit.photo import Photo
from tests.photos import picture


def test_a_copy_is_named_after_the_photo_and_the_words_unless_the_user_names_it(tmp_path: Path) -> None:
    assert deliver.name(tmp_path / "a.jpg", ["blond", "smiling"]) == tmp_path / "a.blond.smiling.jpg"
    assert deliver.name("a.jpg", ["blond"], "b.png") == Path("b.png")
    assert deliver.name("-", ["blond"]) == Path("-")
    assert deliver.name(picture(), ["blond"]) is None
    with pytest.raises(ConfigError, match="save this result yourself"):
        deliver.name(picture(), ["blond"], "b.png")
    with pytest.raises(ConfigError, match="the name of the result is empty"):
        deliver.name("a.jpg", ["blond"], "")


@pytest.mark.parametrize("out", ["there", "there.d", "new", "new/below"])
def test_one_photo_goes_into_a_folder_as_many_do(tmp_path: Path, out: str) -> None:
    for folder in ("there", "there.d"):
        (tmp_path / folder).mkdir()
    assert deliver.name("x/a.jpg", ["blond"], tmp_path / out) == tmp_path / out / "a.blond.jpg"
    assert deliver.name("-", ["blond"], str(tmp_path / out)).parent == tmp_path / out
    assert deliver.name("x/a.jpg", ["blond"], f"{tmp_path / out}.jpg/") == tmp_path / f"{out}.jpg" / "a.blond.jpg"


def test_one_photo_is_named_by_a_template_as_many_are() -> None:
    assert deliver.name("x/a.jpg", ["blond", "smiling"], "o/{stem}-{edit}{ext}") == Path("o/a-blond.smiling.jpg")
    for template, says in (("{stem", "is broken"), ("{x}", "unknown fields x"), ("{ext}", "needs {stem}")):
        with pytest.raises(ConfigError, match=says):
            deliver.name("a.jpg", ["blond"], template)
    for template in ("{stem:d}", "{stem!r}", "{stem:{edit}}", "{stem:>999999999}"):
        with pytest.raises(ConfigError, match="a field with more than its name"):
            deliver.name("a.jpg", ["blond"], template)


def test_a_template_that_ends_in_a_slash_names_a_folder() -> None:
    assert deliver.name("x/a.jpg", ["blond"], "o-{stem}/") == Path("o-a/a.blond.jpg")


def test_braces_in_the_name_that_a_result_has_are_no_template() -> None:
    for name in ("{stem}.jpg", "{x}.jpg", "{.jpg", "folder.d"):
        assert deliver.name("a.jpg", ["blond"], deliver.ExactPath("o", name)) == Path("o", name)
        assert deliver.names_file(deliver.ExactPath("o", name))


def test_several_outputs_are_numbered_and_a_single_one_is_not() -> None:
    assert deliver.numbered(Path("x/a.jpg"), 0, 1) == Path("x/a.jpg")
    assert deliver.numbered(Path("x/a.jpg"), 2, 3) == Path("x/a-2.jpg")
    assert deliver.compare_name(Path("x/a.jpg")) == Path("x/a.compare.jpg")


def test_several_pictures_do_not_fit_into_standard_output() -> None:
    with pytest.raises(ConfigError, match="one picture, not 2"):
        deliver.check([Path("-"), Path("-")])


def test_a_message_for_python_callers_does_not_speak_of_options(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"mine")
    with pytest.raises(OutputError) as caught:
        deliver.check([tmp_path / "a.png"])
    assert str(caught.value) == f"{tmp_path / 'a.png'}: exists already"
    assert "--overwrite" in caught.value.hint


def test_files_hold_the_pictures_in_the_formats_of_their_names(tmp_path: Path) -> None:
    files = [File(tmp_path / "a.png", Photo(picture())), File(tmp_path / "b.bmp", Photo(picture()[::-1]))]
    assert deliver.write(files) == [tmp_path / "a.png", tmp_path / "b.bmp"]
    np.testing.assert_array_equal(photo.read(tmp_path / "a.png").rgb, picture())
    np.testing.assert_array_equal(photo.read(tmp_path / "b.bmp").rgb, picture()[::-1])


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_disk_with_room_for_one_file_of_two_keeps_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    if overwrite:
        (tmp_path / "a.png").write_bytes(b"mine")
    fsync, calls = os.fsync, []

    def full(number: int) -> None:
        calls.append(number)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(number)

    monkeypatch.setattr(os, "fsync", full)
    files = [File(tmp_path / "a.png", Photo(picture())), File(tmp_path / "a.compare.png", Photo(picture()))]
    with pytest.raises(OutputError, match=r"a\.compare\.png: cannot be written: No space left"):
        deliver.write(files, overwrite=overwrite)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == ({"a.png": b"mine"} if overwrite else {})


def test_a_picture_that_cannot_be_encoded_leaves_no_file(tmp_path: Path) -> None:
    flat = Photo(np.zeros((2, 70_000, 3), np.uint8))  # JPEG ends at 65,535
    with pytest.raises(OutputError, match=r"b\.jpg: cannot be written as JPEG"):
        deliver.write([File(tmp_path / "a.png", flat), File(tmp_path / "b.jpg", flat)])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_appears_after_the_check_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = photo.encode

    def slow(*args: object, **options: object) -> bytes:
        (tmp_path / "a.png").write_bytes(b"another run's")
        return encode(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(photo, "encode", slow)
    with pytest.raises(OutputError, match="exists already"):
        deliver.write([File(tmp_path / "a.png", Photo(picture()))])
    assert (tmp_path / "a.png").read_bytes() == b"another run's"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_comes_of_a_private_photo_is_private(tmp_path: Path) -> None:
    files = [File(tmp_path / name, Photo(picture(), permissions=0o600)) for name in ("a.png", "b.png")]
    deliver.write(files)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a.png", "b.png")] == [0o600, 0o600]


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    deliver.write([File(tmp_path / "a.gif", b"GIF89a")])
    assert (tmp_path / "a.gif").read_bytes() == b"GIF89a"
    with pytest.raises(OutputError, match=r"unknown ending '\.gif'"):
        deliver.check([tmp_path / "b.gif"])


def test_a_folder_is_made_once_and_its_pictures_are_never_replaced_unasked(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with deliver.open_folder(folder, ["0.png"]) as others:
        assert others == set()
    assert not folder.exists()  # nothing came into it
    with deliver.open_folder(folder, ["0.png"]):
        (folder / "0.png").write_bytes(b"mine")
    (folder / "9.png").write_bytes(b"mine too")

    def refuse(out: Path) -> None:
        with deliver.open_folder(out, ["0.png"]):
            pytest.fail("it was opened")

    with pytest.raises(OutputError, match=r"holds pictures already, such as 0\.png"):
        refuse(folder)
    with deliver.open_folder(folder, ["0.png"], overwrite=True) as others:
        assert others == {"9.png"}
    with pytest.raises(ConfigError, match="looks like a picture"):
        refuse(tmp_path / "x.png")
    with pytest.raises(OutputError, match="is a file"):
        refuse(folder / "0.png")
    with pytest.raises(OutputError, match="does not exist; make it first"):
        refuse(tmp_path / "no" / "new")


@pytest.mark.parametrize("out", [".jpg", "out/.PNG"])
def test_an_ending_alone_is_no_name(out: str) -> None:
    with pytest.raises(ConfigError, match="is an ending without a name"):
        deliver.names_file(out)
    assert not deliver.names_file(f"{out}/")  # a folder, said so


def test_a_grey_png_has_one_channel() -> None:
    again = photo.decode(deliver.png(np.full((3, 4, 1), 77, np.uint8)))
    assert again.mode == "L"
    np.testing.assert_array_equal(again.rgb, 77)
