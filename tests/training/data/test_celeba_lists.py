"""CelebA's lists and pictures when they are damaged: each fault is named, none becomes a label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgedit.errors import DataError
from training.data import celeba, celeba_lists, reading

NAMES = [f"Attribute_{i}" for i in range(36)] + ["Black_Hair", "Blond_Hair", "Brown_Hair", "Wearing_Hat"]
N = 250


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("celeba")
    (folder / "img_align_celeba").mkdir()
    Image.new("RGB", (178, 218), (90, 60, 30)).save(folder / "img_align_celeba" / "001.jpg")
    content = (folder / "img_align_celeba" / "001.jpg").read_bytes()
    rows = []
    for i in range(1, N + 1):
        (folder / "img_align_celeba" / f"{i:03d}.jpg").write_bytes(content)
        rows.append(f"{i:03d}.jpg " + " ".join("1" if (i >> bit) & 1 else "-1" for bit in range(40)))
    (folder / celeba_lists.LABELS).write_text("\n".join([str(N), " ".join(NAMES), *rows]) + "\n")
    (folder / celeba_lists.PARTITION).write_text("".join(f"{i:03d}.jpg 0\n" for i in range(1, N + 1)))
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    (tmp_path / "img_align_celeba").mkdir()
    for source in (whole / "img_align_celeba").iterdir():
        (tmp_path / "img_align_celeba" / source.name).hardlink_to(source)
    for name in (celeba_lists.LABELS, celeba_lists.PARTITION):
        (tmp_path / name).write_text((whole / name).read_text())
    return tmp_path


def line(number: int, change: Callable[[str], str]) -> Callable[[str], str]:
    def edited(text: str) -> str:
        lines = text.splitlines()
        lines[number - 1] = change(lines[number - 1])
        return "\n".join(lines) + "\n"

    return edited


LABEL_FAULTS: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda text: "", "has 0 lines"),
    "HTML": (lambda text: "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "line 1: got"),
    "short": (lambda text: "".join(text.splitlines(keepends=True)[:100]), "has 98 rows, its first line says 250"),
    "cut in a row": (lambda text: text[:-50], f"line {N + 2}: '{N}.jpg' and 40 values of -1 or 1"),
    "a value of 0": (line(7, lambda row: row.replace("-1", "0", 1)), "line 7: '005.jpg' and 40 values of -1 or 1"),
    "a value too many": (line(9, lambda row: row + " 1"), "line 9: '007.jpg' and 40 values"),
    "another header": (line(2, lambda row: "5_o_Clock_Shadow Bald"), "line 2: got '5_o_Clock_Shadow Bald', 40 names"),
    "no count": (lambda text: "".join(text.splitlines(keepends=True)[1:]), "line 1: got"),
    "no header": (line(2, lambda row: ""), "line 3: got"),
    "a row twice": (line(5, lambda row: row.replace("003", "004")), "line 6: '004.jpg' comes twice"),
    "binary": (lambda text: "\udcff\udcfe", "cannot be read"),
}


@pytest.mark.parametrize("name", LABEL_FAULTS)
def test_a_damaged_list_of_labels_is_named_by_file_and_line(name: str, folder: Path) -> None:
    change, message = LABEL_FAULTS[name]
    path = folder / celeba_lists.LABELS
    path.write_text(change(path.read_text()), encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError) as caught:
        celeba.load(folder, "train", size=16)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "is empty"),
        (lambda text: "<html>\n", "line 1: got '<html>', a file name and 0, 1 or 2"),
        (lambda text: text + "251.jpg 3\n", "line 251: got '251.jpg 3'"),
        (lambda text: text + "001.jpg 1\n", "line 251: '001.jpg' comes twice"),
        (lambda text: text[:-3], "line 250: got '250.jpg'"),
    ],
)
def test_a_damaged_list_of_splits_is_named_by_file_and_line(
    change: Callable[[str], str], message: str, folder: Path
) -> None:
    path = folder / celeba_lists.PARTITION
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError) as caught:
        celeba.load(folder, "train", size=16)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def damage(path: Path, content: bytes) -> None:
    path.unlink()  # not through the hard link
    path.write_bytes(content)


def test_a_few_broken_pictures_are_left_out_and_counted_and_labels_stay_beside_theirs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = folder / "img_align_celeba"
    damage(pictures / "010.jpg", b"")
    damage(pictures / "200.jpg", (pictures / "201.jpg").read_bytes()[:400])
    data = celeba.load(folder, "train", size=16)
    assert len(data) == N - 2
    wanted = [[(int(name[:3]) >> bit) & 1 for bit in range(40)] for name in data.names]
    np.testing.assert_array_equal(data.labels, wanted)
    told = capsys.readouterr().err
    assert f"left out 2 of {N} pictures that cannot be read, such as {pictures / '010.jpg'}" in told


def test_more_broken_pictures_than_the_share_stop_the_load_by_name(folder: Path) -> None:
    for i in (3, 4, 5):
        damage(folder / "img_align_celeba" / f"{i:03d}.jpg", b"not a picture")
    assert reading.MAX_BROKEN * N < 3
    with pytest.raises(DataError, match=r"3 of the first 5 pictures cannot be read, such as .*003\.jpg"):
        celeba.load(folder, "train", size=16)


def test_pictures_without_labels_or_a_split_are_counted_aloud(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("900.jpg", "901.jpg"):
        Image.new("RGB", (178, 218)).save(folder / "img_align_celeba" / name)
    (folder / "img_align_celeba" / "Thumbs.db").touch()
    with open(folder / celeba_lists.PARTITION, "a") as file:
        file.write("901.jpg 0\n")
    assert len(celeba.load(folder, "train", size=16)) == N
    told = capsys.readouterr().err
    assert "left out 1 pictures without a split, such as img_align_celeba/900.jpg" in told
    assert "left out 1 train pictures without labels, such as 901.jpg" in told
