"""Run folders on the hub: the real client against a small server on this machine."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import shutil
import socket
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from typer.testing import CliRunner

from imgedit.errors import HubError, ImgeditError, OutputError, TrainingError
from imgedit.models import hub
from tests.command_line import app
from tests.fake_hub import SHA, fake_server  # noqa: F401
from training.publish import runs
from training.publish.run_card import resume_command
from training.run import checkpoint

REPO = "someone/rings"


def call(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False, prog_name="imgedit")
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "rings"
    words = ("train", "gan", "--data", "gaussians:ring8", "--preset", "points", "--set", "batch_size=8")
    code, _, err = call(*words, "--steps", 4, "--checkpoint-every", 2, "--sample-every", 0, "--run", folder)
    assert code == 0, err
    (folder / "notes.txt").write_text("mine")
    return folder


@pytest.fixture
def site(server, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
                        server.url + "/{repo_id}/resolve/{revision}/{filename}")  # fmt: skip
    monkeypatch.chdir(tmp_path)
    return server


def index_of(site) -> dict:
    return json.loads(site.files[REPO]["run.json"])


def replaced(site, name: str, content: bytes) -> None:
    """Replace a file and what `run.json` says of it: what an attacker can do who owns the repository."""
    site.files[REPO][name] = content
    index = index_of(site)
    index["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    site.files[REPO]["run.json"] = json.dumps(index).encode()


def test_a_pulled_run_is_resumed_and_exported(site, trained: Path, tmp_path: Path) -> None:
    code, out, err = call("checkpoints", "push", trained, REPO)
    assert (code, out, err) == (0, f"{site.url}/{REPO}/commit/{SHA}\n", "")
    code, out, err = call("checkpoints", "pull", REPO, "--accept-licence")
    assert (code, out) == (0, "runs/rings\n"), err
    size = sum(entry["bytes"] for entry in index_of(site)["files"].values())
    first, second = err.splitlines()
    assert first == f"{REPO}: {size / 1e6:.1f} MB; licence: {index_of(site)['licence']}; no commercial use"
    resume = "imgedit train gan --resume --run {} --data gaussians:ring8"
    assert second == f"{REPO} is here; go on with `{resume.format('runs/rings')}`, or export it"
    assert f"    {resume.format('RUN')}\n" in site.files[REPO]["README.md"].decode()
    pulled, own = tmp_path / "runs" / "rings", checkpoint.latest(trained)
    assert hub.source_of(pulled) == hub.Source(REPO, None, SHA, index_of(site)["licence"])
    for file in ("tensors.safetensors", "state.json"):
        assert (checkpoint.latest(pulled) / file).read_bytes() == (own / file).read_bytes()
    for folder in (trained, pulled):  # both go on alike: nothing that the training needs was left behind
        code, _, err = call("train", "gan", "--resume", "--run", folder, "--steps", 6, "--sample-every", 0)
        assert code == 0, err
    assert (checkpoint.latest(pulled) / "tensors.safetensors").read_bytes() == (
        checkpoint.latest(trained) / "tensors.safetensors"
    ).read_bytes()
    assert call("export", pulled, "-o", tmp_path / "model")[0] == 0
    stage = json.loads((tmp_path / "model" / "manifest.json").read_text())["stages"][-1]
    assert (stage["name"], stage["data"], stage["steps"]) == ("rings", "gaussians", 6)


def test_the_command_that_goes_on_names_the_method_and_the_data_and_can_be_pasted() -> None:
    assert resume_command("gan", "celeba", "my runs/a") == (
        "imgedit train gan --resume --run 'my runs/a' --data celeba:DIR"
    )


def test_only_files_of_the_run_are_pushed(site, trained: Path) -> None:
    (trained / "evaluation.json").write_text('{"metrics": {}}')
    runs.push(trained, REPO, endpoint=site.url)
    newest = f"checkpoints/{checkpoint.latest(trained).name}"
    assert sorted(site.files[REPO]) == [
        "README.md",
        f"{newest}/state.json",
        f"{newest}/tensors.safetensors",
        "config.json",
        "evaluation.json",
        "log.jsonl",
        "run.json",
    ]
    (trained / "evaluation.json").unlink()
    head = ModelCard(site.files[REPO]["README.md"].decode()).data
    assert (head.library_name, head.license, head.datasets) == ("imgedit", "other", ["gaussians"])
    assert "checkpoint" in head.tags


def test_all_checkpoints_travel_when_asked_for(site, trained: Path, tmp_path: Path) -> None:
    steps = [folder.name for folder in checkpoint.found(trained)]
    assert len(steps) == 2
    runs.push(trained, REPO, every=True, endpoint=site.url)
    some = runs.pull(REPO, run=tmp_path / "some", endpoint=site.url)
    every = runs.pull(REPO, SHA, run=tmp_path / "every", every=True, endpoint=site.url)
    assert [folder.name for folder in checkpoint.found(some)] == steps[-1:]
    assert [folder.name for folder in checkpoint.found(every)] == steps
    with pytest.raises(OutputError, match=f"without the checkpoint {steps[0]}"):
        runs.pull(REPO, SHA, run=some, every=True, endpoint=site.url)
    assert runs.pull(REPO, SHA, run=every, every=True) == every


def test_folders_of_this_machine_stay_here(site, trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "secret" / "rings"
    state = checkpoint.load_state(checkpoint.latest(trained))
    config = state["config"] | {"teacher": "/home/someone/teacher", "parts": "runs/parts"}
    checkpoint.save(run, 4, state | {"config": config})
    stored = checkpoint.stored_config(trained)
    about = {"data": "celeba:/home/someone/celeba", "command": "imgedit train /home/someone"}
    (run / "config.json").write_text(json.dumps(stored | {"config": config} | about))
    folder = checkpoint.latest(run)
    (folder / "state.json").write_bytes(checkpoint.state_without_folders(folder))
    assert checkpoint.load_state(folder)["config"] == config | {"teacher": "teacher"}
    from training.publish.runs import _config_of

    kept = json.loads(_config_of(run))
    assert kept["config"] == config | {"teacher": "teacher"}
    assert (kept["data"], kept["stage"]) == ("celeba", "rings")
    assert "someone" not in json.dumps(kept)


@pytest.fixture
def pushed(site, trained: Path):
    runs.push(trained, REPO, endpoint=site.url)
    return site


def test_what_is_here_is_not_asked_for_again(pushed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs.pull(f"{REPO}@{SHA}", run=tmp_path / "run", endpoint=pushed.url)
    pushed.asked.clear()
    assert runs.pull(REPO, run=run, endpoint=pushed.url) == run  # main is still this commit
    assert pushed.asked == [f"GET /{REPO}/resolve/main/run.json"]

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a connection was opened")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert runs.pull(REPO, SHA, run=run) == run
    assert runs.pull(REPO, run=run, offline=True) == run
    with pytest.raises(HubError, match=rf"as {SHA} \({SHA}\), not v2"):
        runs.pull(REPO, "v2", run=run, offline=True)
    with pytest.raises(HubError, match=r"is not in .*other, and the network is not asked"):
        runs.pull(REPO, run=tmp_path / "other", offline=True)


def test_no_folder_is_replaced(pushed, trained: Path) -> None:
    before = sorted(trained.rglob("*"))
    with pytest.raises(OutputError, match="exists and is not this commit"):
        runs.pull(REPO, run=trained, endpoint=pushed.url)
    assert sorted(trained.rglob("*")) == before
    assert not any("checkpoints" in asked for asked in pushed.asked if "/resolve/" in asked)


def test_size_and_licence_are_agreed_to_before_a_file_is_fetched(pushed, tmp_path: Path) -> None:
    index = index_of(pushed) | {"licence": "research", "commercial_use": False}
    pushed.files[REPO]["run.json"] = json.dumps(index).encode()
    code, out, err = call("checkpoints", "pull", REPO)
    assert (code, out) == (1, "")
    assert err.splitlines()[0].endswith("licence: research; no commercial use")
    assert err.splitlines()[1].endswith("its licence is to be accepted; add --accept-licence")
    code, _, err = call("checkpoints", "pull", REPO, "--accept-licence", "--max-size", 0.001)
    assert (code, "allow more with --max-size" in err) == (1, True)
    assert [asked for asked in pushed.asked if "/resolve/" in asked] == [f"GET /{REPO}/resolve/main/run.json"] * 2
    assert list((tmp_path / "runs").iterdir()) == []


def pulled_badly(site, tmp_path: Path, *kinds: type[Exception]) -> str:
    with pytest.raises(kinds or (HubError,)) as caught:
        runs.pull(REPO, run=tmp_path / "run", endpoint=site.url)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["evil.pkl", "checkpoints/0000004/optimizer.pt", "../config.json", "checkpoints/../../x/state.json", "run.py",
     "/etc/passwd", "checkpoints/4/state.json", "checkpoints/0000004/state.json/x", "model/manifest.json"],
)  # fmt: skip
def test_a_file_that_no_run_has_is_refused(pushed, tmp_path: Path, name: str) -> None:
    replaced(pushed, name, b"x")
    assert "is no file of a run" in pulled_badly(pushed, tmp_path)
    assert not any(name in asked for asked in pushed.asked)


@pytest.mark.parametrize(
    ("field", "value"),
    [("schema_version", 2), ("method", 3), ("files", []), ("files", {}), ("licence", None), ("commercial_use", "yes"),
     ("other", 1), ("files", {"config.json": {"sha256": "a" * 64, "bytes": 1}})],
)  # fmt: skip
def test_a_damaged_index_is_one_line(pushed, tmp_path: Path, field: str, value: object) -> None:
    pushed.files[REPO]["run.json"] = json.dumps(index_of(pushed) | {field: value}).encode()
    assert "run.json is damaged" in pulled_badly(pushed, tmp_path)


@pytest.mark.parametrize("entry", [{"sha256": "a", "bytes": 1}, {"sha256": "a" * 64, "bytes": -1}, {"bytes": 1}, 5])
def test_an_entry_of_the_index_that_is_none_is_one_line(pushed, tmp_path: Path, entry: object) -> None:
    index = index_of(pushed)
    index["files"]["config.json"] = entry
    pushed.files[REPO]["run.json"] = json.dumps(index).encode()
    assert "run.json is damaged" in pulled_badly(pushed, tmp_path)


def test_a_file_that_is_missing_longer_or_another_is_refused(pushed, tmp_path: Path) -> None:
    name = next(name for name in pushed.files[REPO] if name.endswith(".safetensors"))
    whole = pushed.files[REPO][name]
    for content, says in ((whole + b"x", "more than the"), (whole[:-1], "ended after"), (whole[::-1], "not the hash")):
        pushed.files[REPO][name] = content
        assert says in pulled_badly(pushed, tmp_path)
    del pushed.files[REPO][name]
    assert f"it has no {name}" in pulled_badly(pushed, tmp_path)


def test_a_pickle_in_place_of_tensors_is_never_loaded(pushed, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (open, (str(tmp_path / "loaded"),))  # "w" would be needed to make it: reading it fails loudly

    name = next(name for name in pushed.files[REPO] if name.endswith(".safetensors"))
    replaced(pushed, name, pickle.dumps(Evil()))
    assert "no whole safetensors file" in pulled_badly(pushed, tmp_path, TrainingError)


def test_state_settings_and_log_are_read_before_the_run_is_there(pushed, tmp_path: Path) -> None:
    files = dict(pushed.files[REPO])
    state = next(name for name in files if name.endswith("state.json"))
    for name, content in ((state, b"{}"), ("log.jsonl", b"x\n"), ("config.json", b"[]")):
        pushed.files[REPO] = dict(files)
        replaced(pushed, name, content)
        said = pulled_badly(pushed, tmp_path, TrainingError)
        assert said.startswith(f"{REPO}: {name}")
        assert not any(word in said for word in (str(tmp_path), "remove", "move it away"))  # nothing of it is here
    pushed.files[REPO] = dict(files)
    replaced(pushed, "config.json", files["config.json"].replace(b'"method": "gan"', b'"method": "vae"'))
    assert "run.json says gan, the run is of" in pulled_badly(pushed, tmp_path)


@pytest.mark.parametrize("file", ["state.json", "tensors.safetensors"])
def test_an_empty_checkpoint_is_no_run(pushed, tmp_path: Path, file: str) -> None:
    name = next(name for name in pushed.files[REPO] if name.endswith(file))
    replaced(pushed, name, b"")
    assert pulled_badly(pushed, tmp_path) == f"{REPO}: {name} is empty"


def test_what_could_not_be_pulled_is_not_pushed(site, trained: Path, tmp_path: Path) -> None:
    for name, content in (("log.jsonl", b"\xff"), ("density_ratio.onnx", b"x"), ("evaluation.json", None)):
        run = tmp_path / name
        shutil.copytree(trained, run)
        (run / name).mkdir() if content is None else (run / name).write_bytes(content)
        with pytest.raises(ImgeditError, match=re.escape(str(run / name))):
            runs.push(run, REPO, endpoint=site.url)
    assert site.asked == []


def test_any_size_may_be_allowed(pushed, tmp_path: Path) -> None:
    code, _, err = call("checkpoints", "pull", REPO, "--accept-licence", "--max-size", "inf", "--run", tmp_path / "run")
    assert code == 0, err


def test_a_model_is_no_run_and_a_run_without_checkpoint_or_with_links_is_not_pushed(
    site, trained: Path, tmp_path: Path
) -> None:
    site.files[REPO] = {"manifest.json": b"{}"}
    assert "is no whole run: it has no run.json" in pulled_badly(site, tmp_path)
    with pytest.raises(TrainingError, match="has no checkpoint"):
        runs.push(tmp_path, REPO, endpoint=site.url)
    log = (trained / "log.jsonl").rename(trained / "hidden.jsonl")
    (trained / "log.jsonl").symlink_to(log)
    site.asked.clear()
    try:
        with pytest.raises(TrainingError, match="is a link"):
            runs.push(trained, REPO, endpoint=site.url)
    finally:
        (trained / "log.jsonl").unlink()
        log.rename(trained / "log.jsonl")
    assert site.asked == []
