"""`imgedit models`, `pull` and `push`."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tests import toy_models as models
from tests.command_line import app
from tests.fake_hub import fake_home, fake_model, fake_server  # noqa: F401


def run(*args):
    done = CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False, prog_name="imgedit")
    return done.exit_code, done.stdout, done.stderr


def changed(model, **fields):
    path = model.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.fixture
def hub(server, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
                        server.url + "/{repo_id}/resolve/{revision}/{filename}")  # fmt: skip
    return server


def listed():
    code, out, err = run("models", "--json")
    assert (code, err) == (0, "")
    return {one["id"]: one for one in map(json.loads, out.splitlines())}


@pytest.mark.parametrize("allowed", [True, False])
def test_models_say_what_their_licence_allows(home, allowed):
    changed(models.hair(home / "hair"), licence="MIT", commercial_use=allowed)
    told = listed()["stargan_hair.test"]
    assert (told["licence"], told["commercial_use"]) == ("MIT", allowed)
    lines = run("models")[1].splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("stargan_hair.test"))
    assert lines[at + 2] == f"    licence: MIT; {'commercial use allowed' if allowed else 'no commercial use'}"


def test_what_a_manifest_says_cannot_write_to_the_terminal(home):
    changed(models.hair(home / "hair"), title="a\x1b]0;owned\x07\nfake.model 9.9  translate", licence="\x1b[2J")
    code, out, err = run("models")
    assert code == 0
    assert "\x1b" not in out + err
    assert "fake.model" not in out
    assert err.count("\n") == 1
    assert err.startswith("warning: left out a damaged model")


def test_pull_and_push_print_one_line_and_no_bar(hub, model):
    code, out, err = run("push", model.folder, "someone/faces")
    assert (code, out.count("\n"), err) == (0, 1, "")
    code, out, err = run("pull", "someone/faces")
    assert (code, out.count("\n"), err.count("\n")) == (0, 1, 1)
    assert "use it with --model someone/faces" in err
    assert run("pull", "someone/faces", "--quiet")[2] == ""
    hub.files.clear()
    assert run("pull", "someone/faces") == (
        1,
        "",
        "error: the hub has no someone/faces, or it is private and needs `hf auth login`\n",
    )


def test_experimental_words_are_listed_apart() -> None:
    lines = run("models", "--words")[1].splitlines()
    marked = [line for line in lines if "(experimental" in line]
    assert lines[-len(marked) :] == marked  # after the good ones
    assert any(line.startswith("bangs  (experimental") for line in marked)
    assert any(line.startswith("grey-hair  (also grey") for line in lines[: -len(marked)])
    told = run("models")[1]
    assert "\n    experimental words: bangs\n" in told
    assert "\n    words: black-hair, blond" in told
    assert listed()["stargan_bangs.celeba"]["experimental"] == ["bangs"]
    assert "blond" not in listed()["hair_tones.celebamask_hq"]["experimental"]
