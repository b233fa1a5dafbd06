"""The page in a real browser: Debian's chromium, driven by Playwright, against the command as users start it."""

from __future__ import annotations

import os
import re
import signal
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from imgedit import photo as photos
from tests.page.browser import CHROMIUM, PORTRAIT, running_browser, running_page
from tests.photos import exif_with

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.is_file(), reason="chromium is not installed"),
    pytest.mark.skipif(os.name != "posix", reason="signals of POSIX"),
    pytest.mark.filterwarnings("ignore"),  # Playwright's own
]


@pytest.fixture
def browser():
    pytest.importorskip("gradio", reason="Gradio is not installed")
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with running_browser() as browser:
        yield browser


@pytest.fixture
def place(browser, tmp_path):
    """The folder of temporary files of a page that runs, its address, and the process."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    with running_page(folder) as (url, process):
        yield folder, url, process


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

    page.get_by_text("blond (experimental)", exact=True).click()
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


def test_who_guesses_the_password_is_told_to_wait(browser, tmp_path):
    with running_page(tmp_path, "--password", "open sesame") as (url, _):
        page = browser.new_page()
        told = []
        page.on("dialog", lambda dialog: (told.append(dialog.message), dialog.accept()))
        page.goto(url)
        name, password = page.get_by_label("username"), page.get_by_label("password")
        for n_wrong in range(8):
            name.fill("imgedit")
            password.fill(f"guess {n_wrong}")
            with page.expect_response("**/login"):
                page.get_by_role("button", name="Login").click()
            page.wait_for_timeout(200)
        assert told
        assert re.fullmatch(r"Too many wrong passwords. Try again in \d+ seconds?.", told[0])
        assert page.locator("#apply").count() == 0
