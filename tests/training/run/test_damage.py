"""Damaged run folders, full disks and interrupted starts end in one line that names the file."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import training_toys as toys
from rich.console import Console
from safetensors import SafetensorError
from training_toys import Config, Pictures
from typer.testing import CliRunner, Result

from imgedit.errors import ConfigError, ImgeditError, OutputError, TrainingError
from tests.command_line import app
from training import train as start
from training.data.batch import Stream
from training.publish import export
from training.run import checkpoint, loop, record
from training.run import config as configs

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy: None) -> Path:
    monkeypatch.setattr(start, "load_data", lambda *args: Pictures(10, 8))
    return start.begin("toy", data="celeba:faces", run=tmp_path / "run", checkpoint_every=5, sample_every=0)


def train(run: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["train", "toy", "--run", str(run), "--sample-every", "0", *words])


def use(run: Path, out: Path) -> None:
    """Do with a run all that reads its folder."""
    start.begin("toy", data=None, run=run, resume=True, steps=20, sample_every=0)
    export.export(run, out)


REPLACEMENTS = (b"", b"[]", b"{}", b"[1]", b"null", b'"text"', b"\xff\xfe\x00", b"[" * 100_000, b"{" * 40, b"nan")


def edited(path: Path, change: Any) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def drop(key: str) -> Any:
    return lambda content: content.pop(key, None)


def put(key: str, value: object) -> Any:
    return lambda content: content.__setitem__(key, value)


def in_state(key: str, value: object) -> Any:
    """Change what a checkpoint says, as an older version might have written it: without a hash."""

    def change(content: dict[str, Any]) -> None:
        content.pop("$sha256")
        content["$dict"] = [
            [k, v] if k != key else [k, value] for k, v in content["$dict"] if value is not ... or k != key
        ]

    return change


DAMAGE: dict[str, Any] = {
    **{f"config.json is {c[:8]!r}": ("config.json", c) for c in REPLACEMENTS},
    **{f"state.json is {c[:8]!r}": ("state.json", c) for c in REPLACEMENTS},
    **{f"tensors are {c[:8]!r}": ("tensors.safetensors", c) for c in REPLACEMENTS},
    **{f"log is {c[:8]!r}": ("log.jsonl", c + b"\n") for c in REPLACEMENTS if c},
    **{f"evaluation is {c[:8]!r}": ("evaluation.json", c) for c in REPLACEMENTS},
    **{f"config.json without {k}": ("config.json", drop(k)) for k in ("method", "config", "data")},
    **{f"config.json with {k}": ("config.json", put(k, [1])) for k in ("method", "config", "data", "stages", "uses")},
    **{
        f"state without {k}": ("state.json", in_state(k, ...))
        for k in ("step", "method_id", "config", "method", "stream", "torch_rng", "cuda_rng")
    },
    **{
        f"state with {k}": ("state.json", in_state(k, "abc"))
        for k in ("step", "method_id", "config", "method", "stream", "torch_rng")
    },
    "state with an empty stream": ("state.json", in_state("stream", {"$dict": []})),
    "state with an empty method": ("state.json", in_state("method", {"$dict": []})),
    "state of unknown settings": ("state.json", in_state("config", {"$dict": [["colour", 1]]})),
    "a row without a step": ("log.jsonl", b'{"loss": 1}\n'),
    "a row with step abc": ("log.jsonl", b'{"step": "abc"}\n'),
    "figures that are a list": ("evaluation.json", b'{"metrics": [1]}'),
    "figures without metrics": ("evaluation.json", b'{"n": 3}'),
    "figures that are not finite": ("evaluation.json", b'{"metrics": {"fid": NaN}}'),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_run_ends_in_one_line_or_goes_on(name: str, run: Path, tmp_path: Path) -> None:
    file, change = DAMAGE[name]
    inside = run if file in ("config.json", "log.jsonl", "evaluation.json") else checkpoint.latest(run)
    if isinstance(change, bytes):
        (inside / file).write_bytes(change)
    else:
        edited(inside / file, change)
    said = ""
    with contextlib.suppress(ImgeditError):
        try:
            use(run, tmp_path / "model")
        except ImgeditError as error:
            said = str(error)
            raise
    assert len(said.splitlines()) <= 1
    assert not said or str(tmp_path) in said or "--data NAME:DIR" in said


WRONG = (
    "abc", [1], None, -1, 1.5, 10**400, float("nan"), float("inf"), True, {}, {"$dict": []}, {"$tuple": []},
    {"$dict": 3}, {"$dict": [[1]]}, {"$tensor": "gone", "$channels_last": False}, {"$tensor": [1]},
)  # fmt: skip
"""Values of a checkpoint's state that are right in few places."""
OF_PYTHON = ("$", "Error", "object", "argument", "attribute", "expected", "subscript", "convert", "indices", "<")
"""What a sentence for people does not hold."""


def places(tree: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value of a state as it lies in its file."""
    entries: list[tuple[tuple[Any, ...], Any]] = []
    if isinstance(tree, dict):
        entries = [(("$dict", i, 1), pair[1]) for i, pair in enumerate(tree.get("$dict", ()))]
        entries += [(("$tuple", i), item) for i, item in enumerate(tree.get("$tuple", ()))]
    elif isinstance(tree, list):
        entries = [((i,), item) for i, item in enumerate(tree)]
    for step, item in entries:
        yield (*way, *step)
        yield from places(item, (*way, *step))


def go_on(checkpoint_folder: Path) -> None:
    """Load a run's method, as export does, then restore all of the run and train one step."""
    checkpoint.load_method(checkpoint_folder.parent.parent)
    method, stream = toys.Method(Config()), Stream(Pictures(10, 8), 4, 3)
    loop._restore(checkpoint_folder, "toy", method, stream, torch.device("cpu"))
    method.step(stream)


def test_a_wrong_value_anywhere_in_a_state_is_a_sentence_with_the_file_and_what_is_right(run: Path) -> None:
    file = checkpoint.latest(run) / checkpoint.STATE
    tree = json.loads(file.read_text())
    tree.pop("$sha256")
    refused = 0
    ways = list(places(tree))
    for number, way in enumerate(ways):
        for wrong in WRONG[number % 4 :: 4]:
            changed = copy.deepcopy(tree)
            inside = changed
            for key in way[:-1]:
                inside = inside[key]
            inside[way[-1]] = wrong
            file.write_text(json.dumps(changed))
            said = ""
            with contextlib.suppress(TrainingError, ConfigError):
                try:
                    go_on(file.parent)
                except (TrainingError, ConfigError) as error:
                    said = str(error)
                    raise
            if not said:
                continue
            refused += 1
            what = said.removeprefix(str(file))
            assert what != said
            assert re.search(r" must | has no |does not hold| right$|unknown method", what), said
            quoted = '{\\"$' in what or '{"$' in what  # the message shows the value
            assert quoted or not [word for word in OF_PYTHON if word in what], said
    assert refused > 2 * len(ways)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (in_state("method", ...), "state.json is damaged: method is null, it must be a table"),
        (in_state("method", [1]), "state.json is damaged: method is a list of 1, it must be a table"),
        (in_state("method", {"$dict": []}), "state.json does not fit .* method has no 'network'"),
        (in_state("step", "abc"), "state.json is damaged: the state/step is 'abc', it must be a number such as 0"),
        (in_state("step", ...), "state.json does not fit .* the state has no 'step'"),
        (in_state("stream", "abc"), "state.json is damaged: the state/stream is 'abc', it must be a table"),
        (in_state("torch_rng", 3), "state.json is damaged: the state/torch_rng is 3, it must be a tensor of uint8"),
        (in_state("config", {"$dict": [["lr", "x"]]}), "state.json: the stored lr must be a number, got 'x'"),
        (
            in_state("config", {"$dict": [["size", 1e999]]}),
            "state.json: the stored size must be a whole number, got inf",
        ),
        (in_state("config", {"$dict": 7}), "state.json is damaged: the state/config is .* it must be a number, text"),
        (lambda content: content.update({"$dict": [["a"]]}), "state.json is damaged: the state is .* it must be"),
        (lambda content: content.pop("$dict"), "state.json is damaged: it must hold a state as"),
    ],
)
def test_a_damaged_state_says_what_would_be_right(change: Any, says: str, run: Path) -> None:
    newest = checkpoint.latest(run)

    def without_hash(content: dict[str, Any]) -> None:
        change(content)
        content.pop("$sha256", None)

    edited(newest / checkpoint.STATE, without_hash)
    with pytest.raises((TrainingError, ConfigError), match=f"^{re.escape(str(newest))}/{says}"):
        go_on(newest)


def test_weights_of_another_shape_name_the_file_of_tensors(run: Path) -> None:
    newest = checkpoint.latest(run)
    state = checkpoint.load(newest)
    state["method"]["network"]["0.weight"] = torch.zeros(5, 3, 3, 3)
    again = checkpoint.save(run, 13, state)
    shapes = r"method/network/0.weight is a tensor of float32 \(5, 3, 3, 3\), it must be .* \(3, 3, 3, 3\)"
    with pytest.raises(TrainingError, match=rf"{again}/tensors.safetensors does not fit .*: {shapes}"):
        checkpoint.load_method(run)


def test_an_order_of_pictures_that_are_not_there_is_refused(run: Path) -> None:
    for order in (torch.tensor([3, 10]), torch.tensor([-1]), torch.zeros(2, 2, dtype=torch.int64)):
        state = checkpoint.load(checkpoint.latest(run))
        state["stream"]["order"] = order
        with pytest.raises(TrainingError, match=r"state\.json .*order and position"):
            go_on(checkpoint.save(run, 13, state))


def test_an_optimizer_keeps_its_averages_and_rate_and_takes_the_rest_from_the_settings(run: Path) -> None:
    state = checkpoint.load(checkpoint.latest(run))
    group = state["method"]["optimizer"]["param_groups"][0]
    group |= {"lr": 0.25, "betas": (0.1, 0.1), "amsgrad": True, "weight_decay": 3.0}
    method = toys.Method(Config())
    method.load_state_dict(state["method"])
    found = method.optimizer.param_groups[0]
    assert (found["lr"], found["betas"], found["amsgrad"], found["weight_decay"]) == (0.25, (0.9, 0.999), False, 0)
    averages = state["method"]["optimizer"]["state"][0]["exp_avg"]
    assert torch.equal(method.optimizer.state_dict()["state"][0]["exp_avg"], averages)
    assert float(averages.abs().max()) > 0


def test_a_start_from_a_state_without_weights_names_its_file(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    method = configs.method_module("toy").Method
    monkeypatch.setattr(method, "initialise", lambda self, state: None, raising=False)
    file = checkpoint.latest(run) / checkpoint.STATE
    edited(file, in_state("method", {"$dict": [["network", 3]]}))
    result = train(run.parent / "next", "--data", "celeba:faces", "--init", str(run))
    assert result.exit_code == 1
    assert f"{file} is damaged: method/network is 3, it must be a table" in result.stderr


def test_flipped_bits_of_tensors_and_of_the_state_are_found(run: Path) -> None:
    newest = checkpoint.latest(run)
    for file, place in ((checkpoint.TENSORS, -8), (checkpoint.STATE, None)):
        content = bytearray((newest / file).read_bytes())
        at = content.index(b'["step", 12') + 10 if place is None else place
        content[at] ^= 1
        whole = (newest / file).read_bytes()
        (newest / file).write_bytes(content)
        with pytest.raises(TrainingError, match=r"is damaged: .*hash"):
            checkpoint.load(newest)
        (newest / file).write_bytes(whole)
    assert checkpoint.load_state(newest)["step"] == 12


@pytest.mark.parametrize("left", [(), (checkpoint.STATE,), (checkpoint.TENSORS, checkpoint.STATE)])
def test_an_empty_newest_checkpoint_falls_back_to_the_one_before(left: tuple[str, ...], run: Path) -> None:
    newest = checkpoint.latest(run)
    for file in (checkpoint.TENSORS, checkpoint.STATE):
        (newest / file).unlink()
    for file in left:
        (newest / file).touch()
    assert checkpoint.latest(run).name == "0000010"
    assert start.begin("toy", data=None, run=run, resume=True, sample_every=0) == run
    assert checkpoint.load_state(newest)["step"] == 12


def test_folders_of_the_user_beside_the_checkpoints_stay(run: Path) -> None:
    (run / "checkpoints" / "2024").mkdir()
    (run / "checkpoints" / "2024" / "photo.jpg").touch()
    (run / "checkpoints" / "0000005").mkdir(exist_ok=True)
    (run / "checkpoints" / "0000005" / "notes").touch()
    start.begin("toy", data=None, run=run, resume=True, steps=30, checkpoint_every=5, sample_every=0)
    assert (run / "checkpoints" / "2024" / "photo.jpg").exists()
    assert (run / "checkpoints" / "0000005" / "notes").exists()


def test_a_full_disk_at_a_checkpoint_names_it_and_leaves_the_ones_before(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(tensors: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", full)
    result = train(run, "--resume", "--steps", "20")
    assert result.exit_code == 1
    assert "cannot write checkpoint" in result.stderr
    assert "No space left on device" in result.stderr
    assert sorted(p.name for p in (run / "checkpoints").iterdir()) == ["0000010", "0000012"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_at_the_log_is_an_output_error(run: Path) -> None:
    log = record.Record(run, 12, False, Console(file=io.StringIO()))
    log._log.close()
    log._log = open("/dev/full", "a", encoding="utf-8")  # noqa: SIM115
    with pytest.raises(OutputError, match=r"cannot write .*log\.jsonl: No space left on device"), log:
        log.write(13, {"loss": 1.0}, 64, 1.0)


def test_resume_without_a_checkpoint_is_an_error_not_a_new_training(tmp_path: Path) -> None:
    for words in ([], ["--dry-run"]):
        result = train(tmp_path / "typo", "--resume", "--data", "mnist:.", *words)
        assert result.exit_code == 2
        assert "leave out --resume to train from the start" in result.stderr
    assert not (tmp_path / "typo").exists()
    with pytest.raises(TrainingError, match="has no checkpoint"):
        loop.train("toy", Config(), Pictures(10, 8), tmp_path / "typo", resume=True)


def test_ctrl_c_while_data_loads_leaves_nothing_to_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(start, "load_data", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start.begin("toy", data="celeba:faces", run=tmp_path / "run")
    assert "has no checkpoint to go on from" in train(tmp_path / "run", "--resume").stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), None),
        (("--preset", "compact"), None),
        (("--set", "lr=0.01", "--set", "batch_size=4"), None),
        (("--set", "lr=0.02"), "goes on with its own settings, lr=0.01, got 'lr=0.02'"),
        (("--set", "lrs=0.02"), "has no setting 'lrs'"),
        (("--preset", "other"), "it has the preset compact, not other"),
        (("--data", "celeba:faces"), None),
        (("--data", "mnist:digits"), "is trained on celeba:faces, so it does not go on with mnist:digits"),
        (("--init", "stargan_hair.celeba"), "began with new weights, not with stargan_hair.celeba"),
    ],
)
def test_what_is_said_again_on_resume_must_be_the_same(words: tuple[str, ...], message: str | None, run: Path) -> None:
    result = train(run, "--resume", "--steps", "14", *words)
    if message is None:
        assert result.exit_code == 0, result.output
        assert checkpoint.latest(run).name == "0000014"
    else:
        assert result.exit_code == 2
        assert message in result.stderr
        assert checkpoint.latest(run).name == "0000012"


def test_another_number_of_pictures_is_refused_on_resume(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "load_data", lambda *args: Pictures(11, 8))
    result = train(run, "--resume", "--data", "celeba:elsewhere", "--steps", "14")
    assert result.exit_code == 2
    assert "celeba:elsewhere has 11 pictures to train on" in result.stderr


def test_init_may_be_said_again_and_another_may_not(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    method = configs.method_module("toy").Method
    monkeypatch.setattr(method, "initialise", lambda self, state: None, raising=False)
    first = ["--data", "celeba:faces", "--init", str(run)]
    assert train(tmp_path / "next", *first).exit_code == 0
    assert train(tmp_path / "next", "--resume", "--steps", "14", *first).exit_code == 0
    assert train(tmp_path / "next", "--resume", "--init", f"{run}/../{run.name}").exit_code == 0
    other = train(tmp_path / "next", "--resume", "--init", str(tmp_path))
    assert other.exit_code == 2
    assert f"began with {run}, not with {tmp_path}" in other.stderr
    stored = checkpoint.stored_config(tmp_path / "next")
    assert [stage["name"] for stage in stored["stages"]] == ["run"]
    assert stored["init"] == "run"


def test_a_finished_run_says_so(run: Path) -> None:
    result = train(run, "--resume")
    assert result.exit_code == 0
    assert "is finished at step 12; --steps N goes on to step N" in result.stderr


HUGE = ("batch_size=99999999999", "steps=1e300", "steps=1e999", "seed=99999999999999999999")


@pytest.mark.parametrize("setting", ["batch_size=0", "batch_size=-3", "steps=0", "seed=-1", *HUGE])
def test_numbers_that_the_loop_cannot_use_are_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match=f"{setting.partition('=')[0]} must be "):
        configs.resolve("toy", None, [setting])


@pytest.mark.parametrize(
    "setting", ["lr=nan", "lr=-1.0", "lr=1e999", "second_lr=-0.1", "beta1=1", "beta2=-0.1", "ema_decay=1.0"]
)
def test_a_rate_or_a_decay_that_is_none_is_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match=rf"{setting.partition('=')[0]} must be"):
        configs.resolve("gan", None, [setting])


def test_a_batch_that_no_memory_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"batch_size must be at most {loop.MAX_BATCH} here, got 5000"):
        loop.train("toy", Config(batch_size=5000), Pictures(10, 8), tmp_path / "run", tensorboard=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["config.json", "checkpoints/0000012/state.json"])
def test_a_pipe_in_a_run_is_refused(run: Path, name: str) -> None:
    (run / name).unlink()
    os.mkfifo(run / name)
    with pytest.raises(TrainingError, match="no regular file"):
        checkpoint.stored_config(run) if name == "config.json" else checkpoint.load((run / name).parent)


def test_a_state_that_is_none_is_named(run: Path) -> None:
    (run / "checkpoints" / "0000012" / "state.json").write_text("{}")
    with pytest.raises(TrainingError, match=r"state\.json is damaged: it must hold a state .*an empty table"):
        checkpoint.load(run / "checkpoints" / "0000012")


def test_the_message_of_a_broken_loss_names_a_checkpoint_that_is_there(tmp_path: Path) -> None:
    def broken(nan_at: int) -> str:
        with pytest.raises(TrainingError) as caught:
            loop.train("toy", Config(nan_at=nan_at), Pictures(10, 8), tmp_path / str(nan_at), checkpoint_every=4,
                       sample_every=0, tensorboard=False, console=Console(file=io.StringIO()))  # fmt: skip
        return str(caught.value)

    assert "there is no checkpoint yet" in broken(2)
    assert f"the last checkpoint is {os.path.join(str(tmp_path / '9'), 'checkpoints', '0000008')};" in broken(9)


def test_a_run_can_be_stopped_early_and_keeps_its_length(run: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"data": "celeba:faces", "sample_every": 0}
    start.begin("toy", run=tmp_path / "cut", until=7, **options)
    assert [p.name for p in checkpoint.found(tmp_path / "cut")] == ["0000007"]
    assert checkpoint.stored_config(tmp_path / "cut")["config"]["steps"] == 12
    start.begin("toy", run=tmp_path / "cut", resume=True, **options)
    whole, cut = (checkpoint.load_state(checkpoint.latest(f)) for f in (run, tmp_path / "cut"))
    assert all((whole["method"]["network"][k] == v).all() for k, v in cut["method"]["network"].items())


def test_a_run_without_its_config_is_refused(run: Path) -> None:
    shutil.copytree(run, run.parent / "copy")
    (run.parent / "copy" / "config.json").unlink()
    assert train(run.parent / "copy", "--resume").exit_code == 2


def test_a_log_that_is_a_pipe_is_not_waited_for(run: Path) -> None:
    (run / "log.jsonl").unlink()
    os.mkfifo(run / "log.jsonl")
    result = train(run, "--resume", "--steps", "20")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "log.jsonl cannot be read (it is no regular file)" in result.stderr
