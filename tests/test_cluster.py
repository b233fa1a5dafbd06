"""Photos and tar files of photos by actors of Ray, and without Ray the same function in this process."""

from __future__ import annotations

import io
import re
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgedit
from imgedit import batch, cluster
from imgedit.batch import Job
from imgedit.errors import ConfigError
from imgedit.extras import how_to_install

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
NAMES = ("smile+0.5",)


def make():
    """What an actor calls: load the networks and return the edit."""
    from imgedit.editor import Editor
    from imgedit.edits import express

    return batch.edit_files(Editor([], "cpu"), express.prepare({"smile": 0.5}))


def jpeg(side):
    buffer = io.BytesIO()
    with Image.open(PORTRAIT) as image:
        image.resize((side, side)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "shard-000.tar"
    members = {"a.jpg": jpeg(200), "a.json": b"{}", "sub/b.jpg": jpeg(220), "broken.png": b"no photo"}
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def members(path):
    with tarfile.open(path) as tar:
        return {name: tar.extractfile(name).read() for name in tar.getnames()}


def test_a_tar_file_of_photos_becomes_another(shard, tmp_path):
    target = tmp_path / "out" / "shard-000.tar"
    rows = cluster.Editing(make, batch.READABLE)({"source": str(shard), "target": str(target), "names": NAMES})
    assert [(row["member"], row["written"]) for row in rows] == [
        ("a.jpg", ["a.smile+0.5.jpg"]),
        ("sub/b.jpg", ["sub/b.smile+0.5.jpg"]),
        ("broken.png", []),
    ]
    assert "not a photo" in rows[2]["error"]
    assert "/" not in rows[2]["error"].split("is not")[0]  # no name of a temporary file
    made = members(target)
    assert list(made) == ["a.smile+0.5.jpg", "a.json", "sub/b.smile+0.5.jpg"]
    assert made["a.json"] == b"{}"
    alone = imgedit.express(np.asarray(Image.open(io.BytesIO(jpeg(200)))), {"smile": 0.5}, device="cpu")
    there = np.asarray(Image.open(io.BytesIO(made["a.smile+0.5.jpg"])))
    assert np.abs(there.astype(int) - alone).mean() < 2  # but for the JPEG
    again = cluster.Editing(make, batch.READABLE)({"source": str(shard), "target": str(target), "names": NAMES})
    assert [row["error"] for row in again] == [f"{target}: exists already"]


def test_photos_of_one_name_keep_their_endings_and_files_their_time_and_links_are_told(tmp_path):
    source, target = tmp_path / "s.tar", tmp_path / "t.tar"
    pixels = io.BytesIO()
    Image.open(io.BytesIO(jpeg(180))).save(pixels, "PPM")
    with tarfile.open(source, "w") as tar:
        for name in ("sub", "a.ppm", "a.gif", "link"):
            entry = tarfile.TarInfo(name)
            entry.mtime, entry.mode = 1_000_000, 0o640
            entry.type = {"sub": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}.get(name, tarfile.REGTYPE)
            entry.linkname = "a.ppm" if name == "link" else ""
            content = pixels.getvalue() if entry.isfile() else b""
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    rows = cluster.edit_shard(make(), source, target, NAMES, batch.READABLE)
    assert [row["written"] for row in rows] == [["a.smile+0.5.png"], ["a.gif.smile+0.5.png"], []]
    assert "link" in rows[2]["error"]
    with tarfile.open(target) as tar:
        assert tar.getnames() == ["sub", "a.smile+0.5.png", "a.gif.smile+0.5.png"]
        assert {(entry.mtime, entry.mode) for entry in tar if entry.isfile()} == {(1_000_000, 0o640)}


def test_a_file_that_is_no_tar_file_is_a_row_and_leaves_nothing(tmp_path):
    (tmp_path / "x.tar").write_bytes(b"no tar file at all")
    rows = cluster.edit_shard(make(), tmp_path / "x.tar", tmp_path / "new" / "y.tar", NAMES, batch.READABLE)
    assert [bool(row["error"]) for row in rows] == [True]
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def test_a_tar_file_that_ends_in_the_middle_leaves_neither_a_part_nor_a_folder(shard, tmp_path):
    shard.write_bytes(shard.read_bytes()[:3000])  # in the middle of a.jpg
    rows = cluster.edit_shard(make(), shard, tmp_path / "new" / "y.tar", NAMES, batch.READABLE)
    assert [bool(row["error"]) for row in rows] == [True]
    assert list(tmp_path.iterdir()) == [shard]


def test_without_ray_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=re.escape(how_to_install("ray[data]"))):
        list(batch.ray_map(make, [Job(tmp_path / "a.jpg", Path("a.jpg"), tmp_path / "b.jpg")]))


def test_a_photo_whose_problem_is_known_is_told_and_no_actor_gets_it(tmp_path, monkeypatch):
    given = []

    def run(make, rows, readable, *, workers):
        given.extend(rows)
        return iter([])

    monkeypatch.setattr(cluster, "run", run)
    closed = Job(tmp_path / "closed", Path("closed"), problem="no permission to read it")
    sound = Job(tmp_path / "a.jpg", Path("a.jpg"), tmp_path / "b.jpg")
    rows = list(batch.ray_map(make, [sound, closed], names=NAMES))
    problem = {"source": str(closed.source), "error": "no permission to read it", "written": [], "member": ""}
    assert [{name: row[name] for name in problem} for row in rows] == [problem]
    assert [row["source"] for row in given] == [str(sound.source)]
    assert rows[0].keys() == cluster._row(make(), tmp_path / "no", tmp_path / "no", "no").keys()


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_two_actors_of_ray_edit_photos_and_tar_files(shard, tmp_path):
    pytest.importorskip("ray.data", reason="Ray is not installed")
    photos = []
    for i in range(4):
        photos.append(tmp_path / f"{i}.jpg")
        photos[-1].write_bytes(jpeg(200 + i))
    (tmp_path / "wood.jpg").write_bytes(b"no photo")
    out = tmp_path / "out"
    jobs, _ = batch.jobs_for([Job(p, Path(p.name)) for p in (*photos, tmp_path / "wood.jpg")], NAMES, out)
    jobs.append(Job(shard, Path(shard.name), out / shard.name))

    def made_there():  # a function of its own, since the actors cannot import the tests
        from imgedit import batch
        from imgedit.editor import Editor
        from imgedit.edits import express

        return batch.edit_files(Editor([], "cpu"), express.prepare({"smile": 0.5}))

    rows = list(batch.ray_map(made_there, jobs, names=NAMES, workers=2))
    assert len(rows) == 8
    written = {name for row in rows if not row["member"] for name in row["written"]}
    assert written == {str(out / f"{i}.smile+0.5.jpg") for i in range(4)}
    assert {row["source"] for row in rows if row["error"]} == {str(tmp_path / "wood.jpg"), str(shard)}
    assert set(members(out / shard.name)) == {"a.smile+0.5.jpg", "a.json", "sub/b.smile+0.5.jpg"}
    make()(photos[0], tmp_path / "here.jpg")  # the same function in this process
    assert (out / "0.smile+0.5.jpg").read_bytes() == (tmp_path / "here.jpg").read_bytes()
