"""`imgedit page` as a command; what it shows is tested in `tests/page`."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from imgedit.extras import how_to_add
from imgedit.page import serve
from tests.command_line import app


@pytest.fixture
def served(monkeypatch):
    """What `serve` is called with, in place of serving."""
    calls = []

    def serve_once(editor, place, *, password, ready):
        with place:
            ready()
        calls.append((editor, password))

    monkeypatch.setattr(serve, "is_here", lambda: True)
    monkeypatch.setattr(serve, "serve", serve_once)
    monkeypatch.delenv("IMGEDIT_PAGE_PASSWORD", raising=False)
    return calls


def run(*arguments):
    return CliRunner().invoke(app, ["page", "--port", "0", "--no-open", *arguments])


def test_without_the_extra_it_is_said_how_to_add_it(monkeypatch):
    monkeypatch.setattr(serve, "is_here", lambda: False)
    done = run()
    assert (done.exit_code, done.stdout) == (1, "")
    assert (
        done.stderr == f"error: the page needs Gradio, which is the extra `page`; add it with: {how_to_add('page')}\n"
    )
    assert "page]" in how_to_add("page") or "gradio" in how_to_add("page")


def test_the_page_is_for_this_machine_and_needs_no_password(served):
    done = run("--strip", "--quality", "80", "--no-mark")
    assert done.exit_code == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", done.stdout)
    assert "warning" not in done.stderr
    ((editor, password),) = served
    assert password is None
    assert (editor.strip, editor.quality, editor.mark) == (True, 80, False)


def test_a_device_that_is_not_there_is_said_before_anybody_comes(served):
    done = run("--device", "abacus")
    assert (done.exit_code, done.stdout, served) == (2, "", [])
    assert done.stderr == "error: unknown device 'abacus'; known: auto, cpu, cuda, cuda:N\n"


def test_others_get_in_with_a_password_alone(served, monkeypatch):
    done = run("--host", "0.0.0.0")
    assert "warning: others on the network can reach this page" in done.stderr
    made = re.search(r"user name imgedit, password (\S{12,})", done.stdout)
    assert made is not None
    assert served[0][1] == made[1]
    assert run("--host", "0.0.0.0").stdout.split()[-1] != made[1]  # another each time
    monkeypatch.setenv("IMGEDIT_PAGE_PASSWORD", "from the environment")
    run("--host", "0.0.0.0")
    run("--host", "0.0.0.0", "--password", "given")
    assert [password for _, password in served[2:]] == ["from the environment", "given"]


def test_the_browser_is_opened_where_that_is_asked_for(served, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    run()
    run("--open")
    CliRunner().invoke(app, ["page", "--port", "0"])  # no terminal
    assert len(opened) == 1
    assert opened[0].startswith("http://127.0.0.1:")
