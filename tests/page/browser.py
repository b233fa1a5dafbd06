"""What drives the page in a real browser: Debian's chromium by Playwright, and the command as users start it.

Run as a program it makes the README's picture of the page (width 1280, and 390 for a telephone):

    python tests/page/browser.py .github/page.webp 1280
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

import imgedit
from imgedit.models import library

ROOT = Path(imgedit.__file__).parent.parent
PORTRAIT = library.bundled_folder() / "astronaut.jpg"
CHROMIUM = Path(shutil.which("chromium") or "/usr/bin/chromium")
FLAGS = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync").split()  # fmt: skip


@contextmanager
def running_page(temporary: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Give the address of a page and its process.

    Args:
        temporary: folder of its temporary files.
        options: more of the command.
    """
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "imgedit", "page", "--port", "0", "--device", "cpu", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


@contextmanager
def running_browser() -> Iterator[Any]:
    """Give a browser of Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def picture(path: Path, width: int) -> None:
    """Make a picture of the page with the edited portrait."""
    with TemporaryDirectory() as folder, running_page(Path(folder)) as (url, process), running_browser() as browser:
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(url)
        page.set_input_files("#photo input[type=file]", PORTRAIT)
        page.wait_for_selector("#faces img")
        page.get_by_text("Glasses", exact=True).click()
        page.get_by_text("red hair (experimental)", exact=True).click()
        page.get_by_text("round glasses", exact=True).click()
        page.locator("#apply").click()
        page.wait_for_selector("#compared img")
        page.evaluate("window.scrollTo(0, 0)")
        page.wait_for_timeout(2000)  # until all moves have ended
        line = page.locator("#compared .inner").bounding_box()
        page.mouse.move(line["x"], line["y"] + 0.5 * line["height"])
        page.mouse.down()
        page.mouse.move(line["x"] - 0.065 * line["height"], line["y"] + 0.5 * line["height"])  # through the face
        page.mouse.up()
        shot = page.screenshot(full_page=width < 800)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    with Image.open(io.BytesIO(shot)) as image:
        image.save(path, quality=80)


if __name__ == "__main__":
    picture(Path(sys.argv[1]), int(sys.argv[2]))
