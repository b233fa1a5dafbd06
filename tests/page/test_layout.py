"""The page as Gradio builds it: what it asks for, who may see it, and what it takes."""

from __future__ import annotations

import asyncio
import contextvars
import re
from pathlib import Path

import pytest

from imgedit.editor import Editor
from imgedit.errors import ConfigError
from imgedit.page import serve

gradio = pytest.importorskip("gradio", reason="Gradio is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of Gradio and of what it is made of


@pytest.fixture(autouse=True)
def no_open_loops(monkeypatch):
    """Close the event loops that Gradio makes where none runs and leaves open."""
    make, made = asyncio.new_event_loop, []

    def new():
        made.append(make())
        return made[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", new)
    yield
    for loop in made:
        loop.close()


@pytest.fixture(scope="module")
def editor():
    return Editor(device="cpu")


@pytest.fixture
def visitor(editor, tmp_path, monkeypatch):
    """Return what makes a visitor of a page."""
    from starlette.testclient import TestClient

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))

    def visit(password=None):
        return TestClient(serve.application(editor, tmp_path, password=password), base_url="http://127.0.0.1:7860")

    return visit


def test_no_other_machine_is_named(visitor):
    with visitor() as client:
        page, style = client.get("/"), client.get("/theme.css")
        config = client.get("/config").json()
    assert (page.status_code, style.status_code) == (200, 200)
    hosts = set(re.findall(r"https?://([^/\"'\s<>)\\]+)", page.text + style.text))
    assert hosts <= {"127.0.0.1:7860", "www.w3.org"}  # the latter is the name of SVG, which nobody asks
    assert not re.search(r"fonts\.g|@import", page.text + style.text)
    assert (config["analytics_enabled"], config["run_history"], config["footer_links"]) == (False, False, [])
    assert {one["api_visibility"] for one in config["dependencies"]} == {"private"}


def test_who_has_no_password_sees_nothing(visitor):
    with visitor("open sesame") as client:
        assert client.get("/config").status_code == 401
        assert client.post("/gradio_api/upload", files={"files": ("a.jpg", b"x")}).status_code == 401
        for name, password in (("imgedit", "wrong"), ("root", "open sesame")):
            assert client.post("/login", data={"username": name, "password": password}).status_code == 400
        assert "own colour" not in client.get("/").text
        assert client.post("/login", data={"username": "imgedit", "password": "open sesame"}).status_code == 200
        assert "own colour" in client.get("/").text


def test_who_guesses_the_password_waits(visitor):
    wrong, right = ({"username": "imgedit", "password": text} for text in ("wrong", "open sesame"))
    with visitor("open sesame") as client:
        assert [client.post("/login", data=wrong).status_code for _ in range(5)] == [400] * 5
        refused = client.post("/login", data=right)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
        assert refused.text == "Too many wrong passwords. Try again in 30 seconds."
        assert client.get("/config").status_code == 401


def test_visitors_who_upload_one_photo_at_the_same_moment_have_two_files(visitor):
    import httpx

    photo = b"a photo" * 100_000

    async def together(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7860") as client:
            sent = [client.post("/gradio_api/upload", files={"files": ("a.jpg", photo)}) for _ in range(20)]
            return [Path(*answer.json()) for answer in await asyncio.gather(*sent)]

    with visitor() as client:
        paths = asyncio.run(together(client.app))
    assert len(set(paths)) == 20
    assert {path.name for path in paths} == {"a.jpg"}
    for path in paths:
        assert path.read_bytes() == photo
        path.unlink()


def test_nothing_is_written_beside_the_modules():
    import imgedit.page.layout

    assert [path.name for path in Path(imgedit.page.layout.__file__).parent.glob("*.pyi")] == []


def test_a_visitor_names_no_file_of_this_machine(visitor, tmp_path):
    own = tmp_path.parent / f"{tmp_path.name}.own.jpg"
    own.write_bytes(b"nobody's business")
    with visitor() as client:
        for path, expected in ((own, 400), ("http://127.0.0.1/a.jpg", 400), (tmp_path / "a" / "uploaded.jpg", 200)):
            file = {"path": str(path), "meta": {"_type": "gradio.FileData"}, "is_stream": True}
            asked = {"data": [file, None], "fn_index": 0, "session_hash": "visitor"}
            assert client.post("/gradio_api/queue/join", json=asked).status_code == expected
    assert own.exists()  # what is read is removed afterwards


def test_gradio_checks_itself_where_files_lie(editor, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    pages, mount = [], gradio.mount_gradio_app

    def mounted(app, page, *place, **options):
        pages.append(page)
        return mount(app, page, *place, **options)

    monkeypatch.setattr(gradio, "mount_gradio_app", mounted)
    serve.application(editor, tmp_path)

    def check():
        gradio.context.LocalContext.blocks.set(pages[0])
        gradio.processing_utils._check_allowed("/etc/passwd", check_in_upload_folder=True)

    with pytest.raises(gradio.exceptions.InvalidPathError, match="not uploaded by a user"):
        contextvars.copy_context().run(check)


def test_every_slider_starts_where_it_changes_nothing(editor, tmp_path):
    from imgedit.page import layout, work

    offered = layout.groups(editor.models)
    with gradio.Blocks(analytics_enabled=False):
        controls = layout._controls(offered)
    values = {name: control.value for name, control in controls.items()}
    with pytest.raises(ConfigError, match="nothing is chosen"):
        work.plan_of(layout._wishes(offered, values), editor)
    hair = next(i for i, group in enumerate(offered) if group.is_hair)
    own = layout._wishes(offered, {**values, f"word {hair}": "#", "own": "rgba(1, 2, 3, 1)", f"strength {hair}": 0.5})
    assert (own.hair_colour, own.hair_strength, dict(own.words)) == ("#010203", 0.5, {})
    mixed = {**values, f"word {hair}": "blond", "brows": True, "beard": True, "smile": 0.5, "yaw": -10, "force": True}
    wishes = layout._wishes(offered, mixed)
    assert (dict(wishes.words), wishes.has_brows, wishes.has_beard) == ({"blond": 1.0}, True, True)
    assert (wishes.is_forced, wishes.yaw) == (True, -10.0)
    assert layout._wishes(offered, {**values, "brows": True}).has_brows is False  # without a colour to follow


def test_what_nobody_foresaw_is_a_sentence_on_the_page_and_a_traceback_in_the_terminal(capsys):
    from imgedit.page import layout

    try:
        raise ValueError("the shape <b>(3,)</b>")
    except ValueError as error:
        shown = layout._failed(error)["value"]
    assert "fault of imgedit" in shown
    assert "shape" not in shown
    assert "ValueError: the shape" in capsys.readouterr().err
    assert "&lt;b&gt;" in layout._failed(ConfigError("a <b> name"))["value"]
