"""Many photos: which ones are found, where results go, and what a failure, a stop and several workers do."""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import json
import os
import re
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import threadpoolctl
from PIL import Image
from typer.testing import CliRunner

import imgedit
from imgedit import batch
from imgedit.batch import Job
from imgedit.deliver import compare_name
from imgedit.editor import Editor
from imgedit.errors import ConfigError, PhotoError
from imgedit.models import devices
from tests.command_line import app

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "sub/c.webp", "sub/.git/d.jpg"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "in"


def names(jobs):
    return [job.below.as_posix() for job in jobs]


def test_a_folder_gives_its_photos_by_name(folder):
    assert names(batch.collect([str(folder)])) == ["a.PNG", "b.jpg"]
    assert names(batch.collect([str(folder)], recursive=True)) == ["a.PNG", "b.jpg", "sub/c.webp"]


def test_files_are_taken_whatever_their_ending_and_each_once(folder):
    found = batch.collect([str(folder / "notes.txt"), str(folder / "b.jpg"), str(folder)])
    assert names(found) == ["notes.txt", "b.jpg", "a.PNG"]


def test_patterns_that_the_shell_left_are_expanded(folder):
    assert names(batch.collect([str(folder / "*.jpg")])) == ["b.jpg"]
    odd = folder / "x[1].jpg"
    odd.write_bytes(b"x")
    assert not batch.is_batch([str(odd)])  # it is a file of that name
    assert names(batch.collect([str(odd), str(folder / "b.jpg")])) == ["x[1].jpg", "b.jpg"]


def test_no_photos_is_an_error_that_says_where_else_to_look(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(PhotoError, match="-r looks in its folders too"):
        batch.collect([str(tmp_path / "empty")])
    assert not batch.is_batch([str(folder / "*.tiff")])  # it fits nothing, and is the name of a file that is not there
    with pytest.raises(ConfigError, match="name it once"):
        batch.collect(["-", "a.jpg", "-"])


def test_a_link_that_leads_nowhere_and_a_closed_folder_fail_and_are_not_left_out(folder, monkeypatch):
    (folder / "link.jpg").symlink_to("nowhere.jpg")
    (folder / "sub" / "closed").mkdir()
    scandir = os.scandir

    def scanned(path):  # a superuser may read every folder
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scanned)
    found, _ = batch.jobs_for(batch.collect([str(folder)], recursive=True), ("blond",), folder.parent / "out")
    assert sorted(names(found)) == ["a.PNG", "b.jpg", "link.jpg", "sub/c.webp", "sub/closed"]
    outcomes = list(batch.run(lambda source, target: source, found, skip_existing=True))
    assert [str(one.error) for one in outcomes if one.error] == [f"{folder}/sub/closed: no permission to read it"]
    assert [str(job.problem) for job in batch.collect([str(folder / "sub" / "closed")])] == ["no permission to read it"]
    code, out, err = run("translate", "--attr", "blond", folder, "-r", "--dry-run")
    assert (code, len(out.splitlines())) == (3, 3)
    failed = [line.split(maxsplit=2)[1:] for line in err.splitlines() if line.startswith("failed: ")]
    assert sorted(failed) == [
        [f"{folder}/link.jpg", "no such file; check the name"],
        [f"{folder}/sub/closed", "no permission to read it"],
    ]


def test_an_empty_name_is_not_the_folder_that_one_is_in(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert not batch.is_batch([""])
    assert names(batch.collect(["", "b.jpg"])) == [".", "b.jpg"]  # none of the others
    assert names(batch.collect(["."])) == ["a.PNG", "b.jpg"]


def placed(found, out, edit=("blond",)):
    jobs, _ = batch.jobs_for(found, edit, out)
    return [job.target for job in jobs]


def test_results_stand_beside_the_photos_in_a_folder_or_by_a_template(folder, tmp_path):
    found = batch.collect([str(folder)], recursive=True)
    beside = ["a.blond.PNG", "b.blond.jpg", "sub/c.blond.webp"]
    assert placed(found, None) == [folder / name for name in beside]
    assert placed(found, tmp_path / "out") == [tmp_path / "out" / name for name in beside]
    template = str(tmp_path / "{edit}-{stem}{ext}")
    assert placed(found, template, ("blond", "smile")) == [
        tmp_path / f"blond.smile-{name}" for name in ("a.PNG", "b.jpg", "c.webp")
    ]


def test_photos_of_one_name_and_different_formats_keep_their_endings(tmp_path):
    found = [Job(tmp_path / name, Path(name)) for name in ("a.gif", "a.ppm", "a.jpg", "b.gif")]
    wanted = ["a.gif.blond.png", "a.ppm.blond.png", "a.blond.jpg", "b.blond.png"]
    assert [target.name for target in placed(found, tmp_path / "out")] == wanted
    assert placed(found, None) == [tmp_path / name for name in wanted]
    results = [Job(tmp_path / name, Path(name)) for name in wanted]
    kept, own = batch.jobs_for([*found, *results], ("blond",))
    assert (names(kept), own) == (["a.gif", "a.ppm", "a.jpg", "b.gif"], 4)


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("out.jpg", "one file for many photos"),
        ("-", "one file for many photos"),
        ("{name}.jpg", "unknown fields name; known: stem, edit, ext"),
        ("{stem", "is broken"),
        ("x{ext}", "needs {stem}"),
        ("same-{stem}.png", "would be one file"),
        ("", "is empty"),
    ],
)
def test_a_place_that_cannot_hold_the_results_is_refused_before_any_work(tmp_path, out, says):
    jobs = [Job(tmp_path / one / "a.jpg", Path("a.jpg")) for one in ("x", "y")]
    with pytest.raises(ConfigError, match=says):
        batch.jobs_for(jobs, ("blond",), out)


def test_results_of_the_same_edit_are_no_photos_to_edit(tmp_path):
    files = ("a.jpg", "a.blond.jpg", "b.blond.jpg", "a.grey.jpg")
    jobs = [Job(tmp_path / name, Path(name)) for name in files]
    kept, own = batch.jobs_for(jobs, ("blond",))
    assert names(kept) == ["a.jpg", "b.blond.jpg", "a.grey.jpg"]  # of b there is no other photo
    assert own == 1


def test_photos_are_named_in_a_time_that_grows_as_their_number(tmp_path):
    def seconds(n):
        files = [f"{i}{end}" for i in range(n) for end in (".jpg", ".blond.jpg")]
        jobs = [Job(tmp_path / name, Path(name)) for name in files]
        start = time.process_time()
        assert [len(batch.jobs_for(jobs, ("blond",), out)[0]) for out in (None, tmp_path)] == [n, n]
        return time.process_time() - start

    few = min(seconds(100) for _ in range(3))
    # Where each is compared with each, 81 times; other work on the machine may disturb one measurement, not three.
    assert any(seconds(1000) < 30 * few for _ in range(3))


@pytest.mark.parametrize("out", ["in", "in/../in/out", "{in}/{{stem}}.{{edit}}{{ext}}", "link"])
def test_results_in_the_folder_of_the_photos_are_not_edited_again(tmp_path, out, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to(folder)
    for name in ("a.jpg", "b.gif", "c.png" if "{" in out else "b.png", "sub/d.jpg"):
        (folder / name).write_bytes(b"x")
    out = out.format(**{"in": folder})
    first, own = batch.jobs_for(batch.collect(["in"], recursive=True), ("blond",), out)
    assert (len(first), own) == (4, 0)
    for job in first:
        for path in (job.target, compare_name(job.target)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"result")
    again, own = batch.jobs_for(batch.collect(["in"], recursive=True), ("blond",), out)
    assert (again, own) == (first, 8)


def test_a_photo_whose_result_takes_its_place_is_edited_and_never_taken_for_another_ones_result(tmp_path):
    (tmp_path / "sub").mkdir()
    jobs = [Job(tmp_path / name, Path(name)) for name in ("a.jpg", "b.jpg")]
    template = f"{tmp_path}/{{stem}}{{ext}}"
    kept, own = batch.jobs_for(jobs, ("blond",), template)
    assert ([job.target for job in kept], own) == ([tmp_path / "a.jpg", tmp_path / "b.jpg"], 0)
    with pytest.raises(ConfigError, match="would be one file"):
        batch.jobs_for([*jobs, Job(tmp_path / "sub" / "a.jpg", Path("sub/a.jpg"))], ("blond",), template)


def jobs_of(tmp_path, n):
    return [Job(tmp_path / f"{i}.jpg", Path(f"{i}.jpg"), tmp_path / f"{i}.out") for i in range(n)]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_photo_that_fails_stops_nothing(tmp_path, workers):
    def edit(source, target):
        if source.stem == "1":
            raise PhotoError("broken")
        target.write_bytes(b"done")
        return source.stem

    (tmp_path / "2.out").write_bytes(b"old")
    outcomes = list(batch.run(edit, jobs_of(tmp_path, 5), workers=workers, skip_existing=True))
    assert len(outcomes) == 5
    by = {one.job.source.stem: one for one in outcomes}
    assert str(by["1"].error) == "broken"
    assert by["2"].is_skipped
    assert (tmp_path / "2.out").read_bytes() == b"old"
    assert [by[i].result for i in ("0", "3", "4")] == ["0", "3", "4"]
    assert all(one.seconds >= 0 for one in outcomes)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_another_run_wrote_meanwhile_is_left_out(tmp_path, workers):
    def edit(source, target):
        if target.exists():
            raise PhotoError("exists already")
        target.write_bytes(b"mine")
        if source.stem == "0":
            (tmp_path / "3.out").write_bytes(b"another's")  # before its turn
        if source.stem == "1":
            raise PhotoError(f"{target}: exists already")  # while it was at work
        return source.stem

    outcomes = {
        one.job.source.stem: one for one in batch.run(edit, jobs_of(tmp_path, 4), workers=workers, skip_existing=True)
    }
    assert {stem for stem, one in outcomes.items() if one.is_skipped} == {"1", "3"}
    assert (tmp_path / "3.out").read_bytes() == b"another's"
    assert not any(one.error for one in outcomes.values())


def test_a_bug_is_no_failed_photo(tmp_path):
    with pytest.raises(ZeroDivisionError):
        list(batch.run(lambda source, target: 1 / 0, jobs_of(tmp_path, 2), workers=2))


def test_workers_work_at_a_time_with_one_thread_each_and_begin_few_ahead(tmp_path):
    together = threading.Barrier(3, timeout=20)
    begun = []
    threads = []

    def used():
        libraries = [library["num_threads"] for library in threadpoolctl.threadpool_info()]
        return [devices.default_threads(), cv2.getNumThreads(), *libraries], sys.getswitchinterval()

    def edit(source, target):
        begun.append(source)
        threads.append(used())
        together.wait()  # passes only where three are at work
        return source

    before = used()
    outcomes = batch.run(edit, jobs_of(tmp_path, 9), workers=3)
    first = next(outcomes)
    time.sleep(0.1)
    assert first.error is None
    assert len(begun) <= 6  # three done, three begun
    assert len(list(outcomes)) == 8
    assert {count for counts, _ in threads for count in counts} == {1}
    assert {turn for _, turn in threads} != {before[1]}
    assert used() == before


def test_a_stop_lets_the_photos_at_hand_finish_and_begins_no_other(tmp_path):
    finished = []

    def edit(source, target):
        time.sleep(0.05)
        finished.append(source)
        return source

    outcomes = batch.run(edit, jobs_of(tmp_path, 50), workers=2)
    next(outcomes)
    outcomes.close()
    count = len(finished)
    assert 1 <= count <= 5
    time.sleep(0.2)
    assert len(finished) == count


def interrupt_once(monkeypatch):
    """Let Ctrl-C come the first time that photos at hand are waited for."""
    real = concurrent.futures.wait
    waits = iter([KeyboardInterrupt])

    def interrupted(futures, **options):
        for error in waits:
            raise error
        return real(futures, **options)

    monkeypatch.setattr(concurrent.futures, "wait", interrupted)


def test_ctrl_c_also_tells_of_the_photos_at_hand(tmp_path, monkeypatch):
    interrupt_once(monkeypatch)
    told = []
    with pytest.raises(KeyboardInterrupt):
        told.extend(one.result for one in batch.run(lambda source, _: source.stem, jobs_of(tmp_path, 9), workers=2))
    assert sorted(told) == ["0", "1"]


# The command line, with the bundled models.


def run(*args):
    done = CliRunner().invoke(app, [str(a) for a in args], prog_name="imgedit")
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def holiday(tmp_path_factory):
    folder = tmp_path_factory.mktemp("holiday")
    (folder / "day2").mkdir()
    with Image.open(PORTRAIT) as portrait:
        portrait.resize((256, 256)).save(folder / "a.jpg")
        portrait.resize((300, 300)).save(folder / "day2" / "b.png")
    (folder / "broken.jpg").write_bytes(b"no photo")
    Image.new("RGB", (200, 200), (30, 90, 60)).save(folder / "wood.png")
    return folder


def test_a_folder_is_edited_and_what_failed_is_listed(holiday, tmp_path):
    code, out, err = run("translate", "--attr", "blond", holiday, "-r", "-o", tmp_path / "out", "-j", 2)
    assert code == 3
    assert sorted(out.split()) == [str(tmp_path / "out" / name) for name in ("a.blond.jpg", "day2/b.blond.png")]
    assert "failed: " in err
    assert "broken.jpg" in err
    assert "no face was found" in err
    assert err.rstrip().endswith("error: 2 of 4 photos failed")
    alone = tmp_path / "alone.png"
    assert run("translate", "--attr", "blond", holiday / "day2" / "b.png", "-o", alone)[0] == 0
    with Image.open(alone) as one, Image.open(tmp_path / "out" / "day2" / "b.blond.png") as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("out", ["out", "out/deep/{stem}.{edit}{ext}"])
def test_a_batch_in_which_every_photo_fails_leaves_no_empty_folder(folder, tmp_path, jobs, out):
    args = ["translate", "-a", "blond", str(folder), "-r", "-o", str(tmp_path / out), "--jobs", str(jobs)]
    done = CliRunner().invoke(app, args)
    assert (done.exit_code, done.stdout) == (3, "")
    assert "3 of 3 photos failed" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_folder_is_edited_into_a_folder_below_it_again_and_again(holiday, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(holiday, folder)
    args = ("interpolate", "--attr", "blond", "--gif", "--steps", 2, folder, "-r", "-o", folder / "out")
    written = [folder / "out" / name for name in ("a.blond.gif", "day2/b.blond.gif")]
    assert run(*args)[1].split() == list(map(str, written))
    code, out, err = run(*args, "--overwrite")
    assert (code, out.split()) == (3, list(map(str, written)))
    assert "left out 2 results of edits among the photos" in err
    assert [path for path in folder.rglob("*.gif") if path not in written] == []


def test_results_of_another_edit_are_no_photos_to_edit_unless_they_are_named(holiday, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(holiday / "a.jpg", folder / "a.jpg")
    shutil.copy(holiday / "a.jpg", folder / "a.copy.jpg")  # called as a result is, and none
    assert run("express", "--smile", 0.5, folder / "a.jpg", "--compare")[0] == 0
    for named in (folder, folder / "*.jpg"):
        code, out, err = run("translate", "--attr", "blond", named, "--dry-run")
        assert code == 0
        assert [Path(line.split(" -> ")[0]).name for line in out.splitlines()] == ["a.copy.jpg", "a.jpg"]
        assert "left out 2 results of edits among the photos; one that is named itself is edited" in err
    result = folder / "a.smile+0.5.jpg"
    code, out, err = run("translate", "--attr", "blond", folder / "a.jpg", result, "--dry-run")
    assert (code, err) == (0, "")
    assert f"{result} -> {folder / 'a.smile+0.5.blond.jpg'}" in out


def test_one_photo_whose_result_is_there_is_left_out_as_well(holiday, tmp_path):
    args = ("express", "--smile", 0.5, holiday / "a.jpg", "-o", tmp_path / "one.jpg", "--skip-existing")
    assert run(*args)[:2] == (0, f"{tmp_path / 'one.jpg'}\n")
    stamp = (tmp_path / "one.jpg").stat().st_mtime_ns
    code, out, err = run(*args)
    assert (code, out) == (0, "")
    assert f"left out {holiday / 'a.jpg'}: its result is there" in err
    told = json.loads(run(*args, "--json")[1])
    assert (told["photo"], told["skipped"]) == (str(holiday / "a.jpg"), str(tmp_path / "one.jpg"))
    assert (tmp_path / "one.jpg").stat().st_mtime_ns == stamp


def test_without_messages_it_is_still_said_which_photos_failed(holiday, tmp_path):
    code, out, err = run("translate", "--attr", "blond", holiday / "broken.jpg", holiday / "no.jpg", "-q")
    assert (code, out) == (3, "")
    assert [line.split()[0] for line in err.splitlines()] == ["failed:", "failed:", "error:"]
    assert "broken.jpg" in err


def test_json_is_one_line_a_photo_and_a_stopped_batch_goes_on(holiday, tmp_path):
    args = ("express", "--smile", 0.5, holiday, "-r", "-o", tmp_path / "out", "--skip-existing", "--json")
    code, out, _ = run(*args)
    assert code == 3
    first = {Path(one["photo"]).name: one for one in map(json.loads, out.splitlines())}
    assert set(first) == {"a.jpg", "b.png", "broken.jpg", "wood.png"}
    assert first["a.jpg"]["written"] == [str(tmp_path / "out" / "a.smile+0.5.jpg")]
    assert first["a.jpg"]["faces"]
    assert "error" in first["broken.jpg"]
    assert first["broken.jpg"]["seconds"]["whole"] >= 0
    stamp = (tmp_path / "out" / "a.smile+0.5.jpg").stat().st_mtime_ns
    _, out, err = run(*args)
    assert "left out 2 of 4 photos: their results are there" in err
    again = {Path(one["photo"]).name: one for one in map(json.loads, out.splitlines())}
    assert again["a.jpg"]["skipped"] == str(tmp_path / "out" / "a.smile+0.5.jpg")
    assert (tmp_path / "out" / "a.smile+0.5.jpg").stat().st_mtime_ns == stamp


def test_ctrl_c_says_how_to_go_on_and_tells_what_was_done(holiday, tmp_path, monkeypatch):
    interrupt_once(monkeypatch)
    args = ("express", "--brows", 1, holiday, "-r", "-o", tmp_path / "out", "-j", 2)
    code, out, err = run(*args)
    assert code == 130
    written = [str(path) for path in (tmp_path / "out").rglob("*")]
    assert out.split() == written == [str(tmp_path / "out" / "a.brows+1.jpg")]
    assert "1 of 4 photos are done; the same command with --skip-existing goes on" in err
    assert run(*args, "--skip-existing")[1].split() == [str(tmp_path / "out" / "day2" / "b.brows+1.png")]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_several_signals_lose_no_photo_that_was_begun(holiday, tmp_path, monkeypatch, sent):
    real = Editor.edit_file

    def edit_file(self, *args, **options):
        done = real(self, *args, **options)
        for _ in range(3):
            os.kill(os.getpid(), sent)
        time.sleep(0.05)  # the main thread sees them while photos are at hand
        return done

    monkeypatch.setattr(Editor, "edit_file", edit_file)
    (tmp_path / "in").mkdir()
    for i in range(6):
        shutil.copy(holiday / "a.jpg", tmp_path / "in" / f"{i}.jpg")
    code, out, err = run("express", "--brows", 1, tmp_path / "in", "-o", tmp_path / "out", "-j", 2)
    assert code == 128 + sent
    written = sorted(str(path) for path in (tmp_path / "out").iterdir())
    assert sorted(out.split()) == written
    assert 1 <= len(written) <= 4
    assert f"{len(written)} of 6 photos are done; the same command with --skip-existing goes on" in err


def below(tmp_path, *files):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")


def test_photos_of_one_name_in_two_folders_are_kept_apart_by_the_names_of_these(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    below(tmp_path, "x/a.jpg", "x/b.jpg", "x/deep/c.png", "y/a.jpg", "y/c.gif", "y/deep/c.png", "z/c.png")
    wanted = ["x/a.blond.jpg", "b.blond.jpg", "x/deep/c.blond.png"]
    wanted += ["y/a.blond.jpg", "c.gif.blond.png", "y/deep/c.blond.png", "c.png.blond.png"]
    for named in (["x", "y/", "z"], ["x", "./y", str(tmp_path / "z")], ["[x-z]"]):
        found = batch.collect(named, recursive=True)
        assert placed(found, "out") == [Path("out", name) for name in wanted]
    assert placed(batch.collect(["x/a.jpg", "y/a.jpg"]), "out") == [Path("out", one, "a.blond.jpg") for one in "xy"]
    monkeypatch.chdir(tmp_path / "x")
    assert placed(batch.collect([".", "../y"]), "../out")[::2] == [Path("../out", one, "a.blond.jpg") for one in "xy"]


def test_photos_that_were_kept_apart_are_left_out_of_the_next_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    below(tmp_path, "x/a.jpg", "y/a.jpg")
    first, _ = batch.jobs_for(batch.collect(["x", "y"], recursive=True), ("blond",), "x/out")
    below(tmp_path, *(str(job.target) for job in first))
    again, own = batch.jobs_for(batch.collect(["x", "y"], recursive=True), ("blond",), "x/out")
    assert (again, own) == (first, 2)
    assert all(one.is_skipped for one in batch.run(lambda source, target: source, again, skip_existing=True))


@pytest.mark.parametrize(("folders", "out"), [(("m/x", "n/x"), "out"), (("x", "y"), "out/{stem}{ext}")])
def test_photos_of_one_name_that_folders_do_not_keep_apart_are_refused_by_that_name(tmp_path, folders, out):
    found = [Job(tmp_path / folder / "a.jpg", Path("a.jpg")) for folder in folders]
    with pytest.raises(ConfigError, match=re.escape("/a.jpg would be one file, out/")) as caught:
        batch.jobs_for(found, ("blond",), out)
    assert all(str(tmp_path / folder / "a.jpg") in str(caught.value) for folder in folders)


def test_every_photo_that_failed_is_listed_and_a_long_name_widens_no_other_line(tmp_path):
    names = ["x" * 200 + ".jpg", *(f"{i}.jpg" for i in range(25))]
    for name in names:
        (tmp_path / name).write_bytes(b"no photo")
    code, _, err = run("translate", "--attr", "blond", tmp_path)
    assert code == 3
    lines = [line for line in err.splitlines() if line.startswith("failed: ")]
    assert {line.split()[1].rpartition("/")[2] for line in lines} == set(names)
    assert sorted(map(len, lines))[-2] < 250 + len(str(tmp_path))


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["translate", "--attr", "blond", "a.jpg", "-r"], "--recursive is for folders"),
        (["pose", "--yaw", "5", "a.jpg", "b.jpg", "--overwrite", "--skip-existing"], "contradict each other"),
        (["frontalize", "a.jpg", "--overwrite", "--skip-existing"], "contradict each other"),
        (["pose", "--sheet", "a.jpg", "b.jpg"], "--sheet is of one photo"),
        (["translate", "--attr", "blond"], "name a photo; such as photo.jpg"),
        (["translate", "--attr", "blond", "a.jpg", "--watch", "."], "--watch names the folder of the photos"),
        (["translate", "--attr", "blond", "--watch", "nowhere"], "--watch takes a folder"),
        (["translate", "--attr", "blond", "--watch", ".", "--dry-run"], "contradict each other"),
        (["interpolate", "--attr", "blond", "a.jpg", "--no-face", "copy"], "--no-face is fail or skip"),
        (["express", "--smile", "1", "a.jpg", "b.jpg", "-o", "one.jpg"], "one file for many photos"),
        (["translate", "--attr", "blond", "a.jpg", "-"], "stdin holds one photo"),
    ],
)
def test_options_that_make_no_sense_are_refused(args, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*args)
    assert code == 2
    assert says in err


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(holiday, tmp_path):
    out = tmp_path / "out"
    args = ("translate", "--attr", "blond", holiday, "-r", "-o", out, "--dry-run")
    code, told, err = run(*args)
    assert (code, err) == (0, "")
    assert told.splitlines() == [
        f"{holiday / name} -> {out / result}"
        for name, result in (
            ("a.jpg", "a.blond.jpg"),
            ("broken.jpg", "broken.blond.jpg"),
            ("day2/b.png", "day2/b.blond.png"),
            ("wood.png", "wood.blond.png"),
        )
    ]
    assert not out.exists()
    (tmp_path / "out").mkdir()
    (out / "a.blond.jpg").write_bytes(b"mine")
    for options, would in (([], "fail"), (["--skip-existing"], "skip"), (["--overwrite"], "replace")):
        first, second, *_ = map(json.loads, run(*args, "--json", *options)[1].splitlines())
        assert (first["would"], first["there"]) == (would, [str(out / "a.blond.jpg")])
        assert (second["would"], second["there"]) == ("write", [])
    assert (out / "a.blond.jpg").read_bytes() == b"mine"
    one = run("express", "--smile", 1, holiday / "a.jpg", "--dry-run", "--compare")[1]
    names = [str(holiday / f"a.smile+1{end}.jpg") for end in ("", ".compare")]
    assert one == f"{holiday / 'a.jpg'} -> {', '.join(names)}\n"
    assert run("translate", "--attr", "nonsense", holiday, "--dry-run")[0] == 2


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["gone.jpg"], 1),
        (["a.jpg", "-o", "gone/b.jpg"], 1),
        (["a.jpg", "-o", "wood.png/new/"], 1),
        (["a.jpg", "-o", "wood.png"], 1),
        (["a.jpg", "-o", "{stem}.xyz"], 1),
        (["gone.jpg", "gone2.jpg"], 3),
        (["a.jpg", "wood.png", "-o", "wood.png/new"], 3),
    ],
)
def test_a_dry_run_fails_with_the_words_and_the_exit_code_of_the_work(args, code, holiday, monkeypatch):
    monkeypatch.chdir(holiday)
    edit = ("translate", "--attr", "blond", "--device", "cpu", *args)
    foretold, done = run(*edit, "--dry-run"), run(*edit)
    assert (foretold[0], foretold[1]) == (done[0], done[1]) == (code, "")
    assert foretold[2].replace("would fail", "failed") == done[2]


def test_a_dry_run_tells_one_photo_of_many_that_is_missing(holiday):
    code, out, err = run("translate", "--attr", "blond", holiday / "a.jpg", holiday / "gone.jpg", "--dry-run")
    assert (code, out) == (3, f"{holiday / 'a.jpg'} -> {holiday / 'a.blond.jpg'}\n")
    assert f"failed: {holiday / 'gone.jpg'}  no such file; check the name\n" in err
    assert err.endswith("1 of 2 photos would fail\n")
    code, out, _ = run("translate", "--attr", "blond", holiday / "gone.jpg", "--dry-run", "--json")
    told = json.loads(out)
    assert (code, told["would"], told["error"]) == (1, "fail", f"{holiday / 'gone.jpg'}: no such file; check the name")


def test_a_photo_from_stdin_may_stand_among_others(holiday, tmp_path):
    args = ["translate", "--attr", "blond", "-", str(holiday / "a.jpg")]
    content = (holiday / "day2" / "b.png").read_bytes()
    done = CliRunner().invoke(app, [*args, "-o", str(tmp_path)], input=content, prog_name="imgedit")
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.blond.jpg", "stdin.blond.png"]
    refused = CliRunner().invoke(app, args, input=content, prog_name="imgedit")
    assert refused.exit_code == 2
    assert "a folder for the results" in refused.stderr


def test_photos_of_a_watched_folder_come_once_they_are_whole(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(b"a")
    (tmp_path / "notes.txt").write_bytes(b"x")
    growing = tmp_path / "b.jpg"
    steps = [
        lambda: growing.write_bytes(b"b"),  # while this waits
        lambda: growing.write_bytes(b"bb"),
        lambda: (tmp_path / "empty.jpg").write_bytes(b""),
        lambda: None,
        lambda: (tmp_path / "a.jpg").write_bytes(b"another"),
        lambda: None,
        lambda: (_ for _ in ()).throw(KeyboardInterrupt),
    ]
    waits = iter(steps)
    seen = []
    monkeypatch.setattr(time, "sleep", lambda seconds: next(waits)())
    with contextlib.suppress(KeyboardInterrupt):
        for found in batch.watch(tmp_path):
            seen.append((names(found), growing.read_bytes()))
    assert seen == [(["a.jpg"], b"b"), (["b.jpg"], b"bb"), (["a.jpg"], b"bb")]


def test_a_folder_is_watched_until_ctrl_c(holiday, tmp_path, monkeypatch):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.jpg").write_bytes((holiday / "a.jpg").read_bytes())
    real = batch.watch

    def some(folder, **options):
        looks = real(folder, **options, pause=0.01)
        yield next(looks)
        (inbox / "b.jpg").write_bytes(b"no photo")
        (inbox / "c.png").write_bytes((holiday / "day2" / "b.png").read_bytes())
        seen = 0
        for found in looks:
            seen += sum(job.source.name in ("b.jpg", "c.png") for job in found)
            yield found
            if seen == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(batch, "watch", some)
    code, out, err = run("translate", "--attr", "blond", "--watch", inbox)
    assert code == 3  # one of them is no photo
    assert sorted(out.split()) == [str(inbox / name) for name in ("a.blond.jpg", "c.blond.png")]
    assert "photos edited: 2, failed: 1" in err
    assert "b.jpg" in err


def test_photos_with_braces_in_their_names_keep_them(holiday, tmp_path):
    inbox, out = tmp_path / "inbox", tmp_path / "out"
    inbox.mkdir()
    given = ["a{stem}.jpg", "b{ext}c.jpg", "100% {edit}.jpg", "{x}.jpg", "{.jpg"]
    for name in given:
        (inbox / name).write_bytes((holiday / "a.jpg").read_bytes())
    wanted = sorted(f"{Path(name).stem}.blond.jpg" for name in given)
    code, told, err = run("translate", "--attr", "blond", inbox, "-o", out, "--dry-run")
    assert (code, sorted(line.rpartition("/")[2] for line in told.splitlines())) == (0, wanted), err
    assert run("translate", "--attr", "blond", inbox, "-o", out)[0] == 0
    assert sorted(path.name for path in out.iterdir()) == wanted
    code, told, err = run("translate", "--attr", "blond", inbox, "-o", out, "--skip-existing")
    assert (code, told) == (0, ""), err


def test_a_photo_that_came_in_parts_and_was_edited_then_did_not_fail(holiday, tmp_path, monkeypatch):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    whole = (holiday / "a.jpg").read_bytes()
    (inbox / "slow.jpg").write_bytes(whole[: len(whole) // 4])
    real = batch.watch

    def slowly(folder, **options):
        looks = real(folder, **options, pause=0.01)
        yield next(looks)
        (inbox / "slow.jpg").write_bytes(whole)
        yield next(looks)
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "watch", slowly)
    code, out, err = run("translate", "--attr", "blond", "--watch", inbox)
    assert (code, out) == (0, f"{inbox / 'slow.blond.jpg'}\n")
    assert "failed: " in err  # it was said when it seemed so
    assert "photos edited: 1, failed: 0" in err


def test_a_watched_photo_that_changes_keeps_its_result_and_a_folder_that_goes_is_told(holiday, tmp_path, monkeypatch):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    shutil.copy(holiday / "a.jpg", inbox)
    real = batch.watch

    def changing(folder, **options):
        looks = real(folder, **options, pause=0.01)
        yield next(looks)
        shutil.copy(holiday / "day2" / "b.png", inbox / "a.jpg")
        yield next(looks)
        shutil.rmtree(inbox)
        yield next(looks)

    monkeypatch.setattr(batch, "watch", changing)
    code, out, err = run("express", "--brows", 1, "--watch", inbox)
    assert (code, out) == (1, f"{inbox / 'a.brows+1.jpg'}\n")
    assert f"{inbox / 'a.jpg'} has changed, but its result is there; --overwrite edits it again" in err
    assert err.rstrip().endswith(f"error: {inbox} is gone; it is watched no longer")


def test_an_interpolation_and_a_swap_take_many_photos(holiday, tmp_path):
    out = tmp_path / "out"
    photos = (holiday / "a.jpg", holiday / "day2" / "b.png")
    args = ("interpolate", "--attr", "blond", "--steps", 2, *photos, "-o", out)
    assert run(*args)[0] == 0
    wanted = ["a.blond-0.jpg", "a.blond-1.jpg", "b.blond-0.png", "b.blond-1.png"]
    assert sorted(path.name for path in out.iterdir()) == wanted
    stamps = [path.stat().st_mtime_ns for path in sorted(out.iterdir())]
    assert run(*args, "--skip-existing")[0] == 0
    assert [path.stat().st_mtime_ns for path in sorted(out.iterdir())] == stamps
    assert run(*args[:-2], "--gif", "-o", tmp_path / "gifs")[0] == 0
    assert sorted(path.name for path in (tmp_path / "gifs").iterdir()) == ["a.blond.gif", "b.blond.gif"]
    code, told, _ = run("swap", *photos, PORTRAIT, "-o", tmp_path / "swapped", "--take", "expression")
    assert code == 0
    assert sorted(Path(line).name for line in told.split()) == ["a.swap-expression.astronaut.jpg",
                                                                "b.swap-expression.astronaut.png"]  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="reads the memory from /proc")
def test_memory_does_not_grow_with_the_photos(tmp_path):
    from imgedit.editor import Editor
    from imgedit.edits import express

    with Image.open(PORTRAIT) as portrait:
        portrait.resize((640, 640)).save(tmp_path / "a.jpg")
    jobs = [Job(tmp_path / "a.jpg", Path("a.jpg"), tmp_path / "out" / f"{i}.jpg") for i in range(30)]
    edit = batch.edit_files(Editor([], "cpu"), express.prepare({"smile": 0.3}))
    used = []
    for outcome in batch.run(edit, jobs):
        assert outcome.error is None
        del outcome
        used.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6)
    decoded = 640 * 640 * 3 / 1e6
    assert max(used[15:]) - max(used[5:15]) < 4 * decoded  # 25 photos more, each of `decoded` MB
