"""`imgedit models`, `pull` and `push`."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

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
def hub(server, monkeypatch, home):
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


def test_models_stand_under_what_is_bundled_with_words_without_and_what_was_added(home):
    models.hair(home / "hair")
    lines = run("models")[1].splitlines()
    heads = [line for line in lines if line.endswith(":")]
    assert heads == ["bundled, with words for --attr:", "bundled, without words:", "pulled, or added by you:"]
    words, none, added = (lines.index(head) for head in heads)
    assert words == 0
    sections = lines[words:none], lines[none:added], lines[added:]
    assert [any("words: " in line for line in one) for one in sections] == [True, False, True]
    for start, section in zip(("hair_tones.", "face_parser.", "stargan_hair.test "), sections, strict=True):
        assert any(line.startswith(start) for line in section)


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
    code, out, err = run("pull", "someone/faces", "--accept-licence")
    assert (code, out.count("\n"), err.count("\n")) == (0, 1, 2)
    assert "use it with --model someone/faces" in err
    assert run("pull", "someone/faces", "--quiet", "--accept-licence")[2] == ""
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
    assert {"young", "eyeglasses", "black-hair"} <= {line.split()[0] for line in lines[: -len(marked)]}
    told = run("models")[1]
    assert "\n    experimental words: bangs, no-bangs\n" in told
    assert "\n    words: young, no-young\n" in told
    assert listed()["stargan_bangs.celeba"]["experimental"] == ["bangs", "no-bangs"]
    assert listed()["age_skin.celeba"]["experimental"] == []
    assert listed()["glasses_remover.celeba"]["experimental"] == ["no-eyeglasses"]
    info = run("models", "info", "age_skin.celeba")[1]
    assert "\n    word young  (good)\n    word no-young  (good)\n" in info
    assert "blond" in listed()["hair_tones.celebamask_hq"]["experimental"]


def test_a_licence_that_forbids_commercial_use_is_to_be_accepted_once(hub, model):
    changed(model, licence="research", commercial_use=False)
    hub.publish("someone/faces", model.folder)
    size = sum(graph.bytes for graph in model.manifest.graphs.values())
    code, out, err = run("pull", "someone/faces")
    assert (code, out) == (1, "")
    first, second = err.splitlines()
    assert first.startswith(f"someone/faces: {size / 1e6:.1f} MB; licence: ")
    assert first.endswith("licence: research; no commercial use")
    assert second.endswith("its licence is to be accepted; add --accept-licence")
    assert run("models", "path", "someone/faces")[0] == 2
    assert run("pull", "someone/faces", "--accept-licence")[0] == 0
    assert run("pull", "someone/faces")[0] == 0  # accepted before
    changed(model, licence="another", commercial_use=False)
    hub.publish("someone/faces", model.folder)
    assert run("pull", "someone/faces")[0] == 1
    changed(model, licence="MIT", commercial_use=True)
    hub.publish("someone/faces", model.folder)
    code, _, err = run("pull", "someone/faces")
    assert code == 0
    assert "licence: MIT; commercial use allowed" in err


def test_pull_obeys_its_limits(hub, model):
    hub.publish("someone/faces", model.folder)
    code, _, err = run("pull", "someone/faces", "--max-size", 0.0001)
    assert code == 1
    assert "allow more with --max-size" in err
    code, _, err = run("pull", "someone/faces", "--offline")
    assert code == 1
    assert "leave --offline out" in err
    assert [line for line in hub.asked if "onnx" in line] == []


def test_one_model_is_told_of_checked_placed_and_removed(hub, model):
    hub.publish("someone/faces", model.folder)
    assert run("pull", "someone/faces@main", "--accept-licence")[0] == 0
    code, out, _ = run("models", "info", "someone/faces")
    assert code == 0
    assert out.startswith(f"{model.id} {model.manifest.version}  translate  ")
    assert model.manifest.graphs["translate"].sha256 in out
    assert "\n    pulled: someone/faces@main, commit aaaa" in out
    told = json.loads(run("models", "info", "someone/faces", "--json")[1])
    assert told["pulled"]["revision"] == "main"
    assert set(told["words"]) == set(model.manifest.words)
    folder = run("models", "path", "someone/faces")[1].strip()
    assert run("models", "verify", "someone/faces") == (0, "someone--faces: as its manifest says\n", "")
    (Path(folder) / "translate.onnx").write_bytes(b"x")
    code, out, err = run("models", "verify")
    assert code == 1
    assert "mtcnn.facenet: as its manifest says\n" in out
    assert "damaged: " in err
    assert "1 of " in err
    assert run("models", "remove", "someone/faces")[0] == 0
    assert not Path(folder).exists()
    code, _, err = run("models", "remove", "mtcnn.facenet")
    assert (code, "was not pulled" in err) == (1, True)
    assert run("models", "nonsense")[0] == 2


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_at_a_terminal_the_licence_is_asked_for(hub, model, monkeypatch, answer, code):
    changed(model, licence="research", commercial_use=False)
    hub.publish("someone/faces", model.folder)
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("imgedit.cli.transfer.sys", SimpleNamespace(stdin=terminal, stderr=terminal))
    done = CliRunner().invoke(app, ["pull", "someone/faces"], input=f"{answer}\n", prog_name="imgedit")
    assert done.exit_code == code
    assert "Do you accept this licence? [y/N]" in done.stderr
    assert ("its licence was not accepted" in done.stderr) == (code == 1)
