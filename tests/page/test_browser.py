"""The page in a real browser: Debian's chromium, driven by Playwright, against the command as users start it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

import imgedit
from imgedit import photo as photos
from imgedit.models import library
from tests.photos import exif_with

ROOT = Path(imgedit.__file__).parent.parent
PORTRAIT = library.bundled_folder() / "astronaut.jpg"
FLAGS = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync").split()  # fmt: skip
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"

pytestmark = [
    pytest.mark.skipif(not Path(CHROMIUM).is_file(), reason="chromium is not installed"),
    pytest.mark.skipif(os.name != "posix", reason="signals of POSIX"),
    pytest.mark.filterwarnings("ignore"),  # Gradio's and Playwright's own
]


@pytest.fixture
def place(tmp_path):
    """The folder of temporary files of a page that runs, its address, and the process."""
    pytest.importorskip("gradio", reason="Gradio is not installed")
    folder = tmp_path / "temporary"
    folder.mkdir()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "imgedit", "page", "--port", "0", "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            yield folder, process.stdout.readline().strip(), process
        finally:
            process.kill()


@pytest.fixture
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


def test_a_photo_is_edited_compared_and_downloaded_and_nothing_else_is_asked(place, browser, tmp_path):
    folder, url, process = place
    photo = tmp_path / "eileen.jpg"
    with Image.open(PORTRAIT) as image:
        image.resize((1400, 1400)).save(photo, quality=90, exif=exif_with(text="Ada's camera"))
    blank = tmp_path / "wall.png"
    Image.new("RGB", (300, 200), "grey").save(blank)

    page = browser.new_page(viewport={"width": 1280, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    page.wait_for_selector("#apply")
    assert page.locator("#apply").is_disabled()

    page.set_input_files("#photo input[type=file]", photo)
    page.wait_for_selector("#faces img")
    assert "One face was found" in page.locator("#notes").inner_text()
    (kept,) = folder.iterdir()
    assert not [path for path in kept.rglob("*") if path.name == "eileen.jpg"]  # the upload is gone

    page.locator("#word-0").get_by_text("blond", exact=True).click()
    page.locator("#apply").click()
    page.wait_for_selector("#compared img")
    assert page.locator("#compared img").count() == 2
    assert not page.locator("#faces").is_visible()
    with page.expect_download() as waited:
        page.locator("#download").click()
    assert waited.value.suggested_filename == "eileen.blond.jpg"
    waited.value.save_as(tmp_path / "download.jpg")
    before, after = (photos.read(path).rgb.astype(int) for path in (photo, tmp_path / "download.jpg"))
    assert after.shape == (1400, 1400, 3)
    assert np.abs(after - before)[150:420, 400:850].mean() > 3  # the hair
    assert b"Ada's camera" in (tmp_path / "download.jpg").read_bytes()

    other = browser.new_page()  # a visitor of their own
    other.on("request", lambda request: asked.append(request.url))
    other.goto(url)
    other.wait_for_selector("#apply")
    assert other.locator("#apply").is_disabled()
    assert other.locator("img").count() == 0

    page.locator("#photo button[aria-label='Clear']").click()
    page.wait_for_selector("#compared", state="hidden")
    page.set_input_files("#photo input[type=file]", blank)
    page.wait_for_selector("#notes .error")
    assert page.locator("#notes").inner_text().startswith("No face was found in this 300x200 px photo")
    assert page.locator("#apply").is_disabled()
    assert not [path for path in kept.rglob("*") if path.name == "eileen.blond.jpg"]

    assert {urlsplit(one).netloc for one in asked if not one.startswith(("data:", "blob:"))} == {urlsplit(url).netloc}
    process.send_signal(signal.SIGINT)  # with two pages open
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "Ctrl-C ends the page\n")
    assert list(folder.iterdir()) == []
