"""The table of GANs: what it measures, keeps, leaves out and says."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from imgedit.errors import ConfigError
from tests.command_line import app
from training.evaluate import layout
from training.evaluate.drawn import density_ratio, features, fid
from training.evaluate.tables import comparison, mnist_gans
from training.method import METHODS
from training.run import checkpoint

NETWORK = features.FeatureNetwork("lenet", "tiny", "a" * 64, "none (28 px)", lambda x: x, None)


def variant(value: float, attempts: float = 1.0) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(("precision", "recall", "density", "coverage"), 0.5)
    return row | {"fid": value, "attempts": attempts, "shares": [0.04, 0.96], "classes_present": 2}


def measured(fids: list[float], **more: float) -> dict[int, dict[str, Any]]:
    return {
        seed: {
            "metrics": {"variants": {"averaged": variant(value), **{k: variant(v, 3.0) for k, v in more.items()}}},
            "minutes": 40.0,
            "n_drawn": 180 * mnist_gans.TRAIN_PICTURES,
        }
        for seed, value in enumerate(fids)
    }


def make_run(folder: Path, method: str = "gan", steps: int = 20, done: int = 20) -> None:
    checkpoint.save(folder, done, {})
    content = {"method": method, "config": {"steps": steps, "batch_size": 55}}
    (folder / "config.json").write_text(json.dumps(content))
    log = [{"step": 10, "images_per_second": 5.5}, {"step": 20, "images_per_second": 11.0}]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the measurement, and note which runs it was asked for."""
    seen: list[str] = []

    def evaluate(model: str, *args: Any, **options: Any) -> dict[str, Any]:
        seen.append(Path(model).name)
        variants = {
            "averaged": variant(80.0),
            "last": variant(100.0),
            "rejection": variant(70.0, 2.0),
            density_ratio.VARIANT: variant(40.0, 4.0),
        }
        return {**NETWORK.about(), "n_real": 7, "n_fake": 9, "floor": 5.0, "variants": variants}

    monkeypatch.setattr(fid, "evaluate", evaluate)
    monkeypatch.setattr(mnist_gans, "load_features", lambda *args, **options: NETWORK)
    return seen


def table(runs: Path, *, train: bool = False, seeds: int = 3, **options: Any) -> dict[str, Any]:
    quiet = Console(file=io.StringIO())
    return comparison.compare(
        "mnist-gans", runs, "mnist:x", comparison.Options(**options), seeds=seeds, train=train, console=quiet
    )


def test_rows_are_mean_and_spread_over_seeds_and_a_ratio_seed_by_seed() -> None:
    found = mnist_gans.rows(
        {"gan": measured([100.0, 200.0], **{density_ratio.VARIANT: 50.0}), "wgan_gp": measured([40.0, 60.0, 1.0])}
    )
    rows = {row["method"]: row for row in found}
    assert set(rows) == {"vanilla", "vanilla + rejection by a classifier", "WGAN-GP"}
    assert rows["vanilla"]["fid"] == pytest.approx({"mean": 150.0, "spread": 50.0 * 2**0.5})
    assert rows["vanilla"]["ratio"] == {"mean": 1.0, "spread": 0.0}
    assert rows["WGAN-GP"]["ratio"]["mean"] == pytest.approx((0.4 + 0.3) / 2)
    assert rows["WGAN-GP"]["seeds"] == [0, 1, 2]
    assert rows["vanilla + rejection by a classifier"]["ratio"]["mean"] == pytest.approx((0.5 + 0.25) / 2)
    assert rows["vanilla + rejection by a classifier"]["attempts"]["mean"] == 3.0
    assert rows["vanilla"]["smallest_share"] == 0.04


def test_one_seed_has_no_spread_and_no_vanilla_no_ratio() -> None:
    (row,) = mnist_gans.rows({"wgan_gp": measured([40.0])})
    assert row["fid"] == {"mean": 40.0, "spread": None}
    assert row["ratio"] is None


def test_every_run_of_the_table_is_a_method_with_that_preset_and_settings() -> None:
    from training.run import config as configs

    for training in mnist_gans.RUNS.values():
        assert training.method in METHODS
        configs.resolve(training.method, training.preset, (*training.settings, "seed=2"))
    assert {row.run for row in mnist_gans.ROWS} == set(mnist_gans.RUNS)


def test_all_methods_of_the_table_are_trained_equally_long() -> None:
    from training.run import config as configs

    resolved = [configs.resolve(t.method, t.preset, t.settings) for t in mnist_gans.RUNS.values()]
    assert len({(c.batch_size, c.z_dim, c.network, c.steps) for c in resolved}) == 1


def test_finished_runs_are_measured_once_and_again_when_something_changed(tmp_path: Path, calls: list[str]) -> None:
    for name in ("gan-0", "gan-1"):
        make_run(tmp_path / name)
    first = table(tmp_path)
    assert calls == ["gan-0", "gan-1"]
    assert table(tmp_path) == first
    assert calls == ["gan-0", "gan-1"]
    table(tmp_path, n=9)
    assert calls == ["gan-0", "gan-1"] * 2
    make_run(tmp_path / "gan-1", steps=30, done=30)
    table(tmp_path, n=9)
    assert calls == ["gan-0", "gan-1"] * 2 + ["gan-1"]


def test_figures_make_a_row_when_the_weights_are_gone(tmp_path: Path, calls: list[str]) -> None:
    make_run(tmp_path / "runs" / "gan-0")
    whole = table(tmp_path / "runs")
    kept = tmp_path / "kept" / "gan-0" / "evaluation.json"
    kept.parent.mkdir(parents=True)
    kept.write_bytes((tmp_path / "runs" / "gan-0" / "evaluation.json").read_bytes())
    assert table(tmp_path / "kept", seeds=1)["rows"] == whole["rows"]
    assert calls == ["gan-0"]


def test_figures_that_were_measured_otherwise_make_no_row(tmp_path: Path, calls: list[str]) -> None:
    for name in ("gan-0", "gan-1"):
        make_run(tmp_path / name)
    table(tmp_path, n=9)
    shutil.rmtree(tmp_path / "gan-1" / "checkpoints")
    found = table(tmp_path)
    assert found["rows"][0]["seeds"] == [0]
    assert found["notes"] == ["gan-1 has no weights, and figures that were measured otherwise"]


def test_damaged_figures_are_measured_anew(tmp_path: Path, calls: list[str]) -> None:
    make_run(tmp_path / "gan-0")
    first = table(tmp_path)
    (tmp_path / "gan-0" / "evaluation.json").write_text('{"metrics": ')
    assert table(tmp_path) == first
    assert calls == ["gan-0", "gan-0"]


def test_unfinished_runs_are_left_out_and_named(tmp_path: Path, calls: list[str]) -> None:
    make_run(tmp_path / "gan-0")
    make_run(tmp_path / "wgan-0", method="wgan", done=10)
    found = table(tmp_path)
    assert calls == ["gan-0"]
    assert found["notes"] == ["wgan-0 is not finished"]
    assert "Left out: wgan-0 is not finished." in comparison.blocks(found)


def test_train_makes_three_seeds_of_two_methods_one_of_the_others_and_resumes(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: dict[str, dict[str, Any]] = {}

    def begin(method: str, *, run: Path, **options: Any) -> None:
        begun[run.name] = options
        make_run(run, method)

    monkeypatch.setattr(comparison.start, "begin", begin)
    make_run(tmp_path / "gan-0")
    make_run(tmp_path / "wgan_gp-1", "wgan_gp", done=10)
    table(tmp_path, train=True)
    expected = {
        "gan-1",
        "gan-2",
        "gan_r1-0",
        "wgan-0",
        "wgan_fast-0",
        "wgan_clip-0",
        "wgan_no_norm-0",
        "wgan_gp-0",
        "wgan_gp-1",
        "wgan_gp-2",
        "unrolled_gan-0",
        "md_gan-0",
    }
    assert set(begun) == expected
    assert begun["gan_r1-0"]["preset"] == "r1"
    assert begun["wgan_gp-2"]["settings"] == ("seed=2",)
    assert not begun["wgan_gp-2"]["resume"]
    assert begun["wgan_gp-1"]["resume"]
    assert begun["wgan_gp-1"]["preset"] is None
    assert begun["wgan_gp-1"]["settings"] == ()
    assert set(calls) == expected | {"gan-0"}


def test_minutes_come_from_the_log(tmp_path: Path) -> None:
    make_run(tmp_path / "gan-0")
    assert comparison.minutes(tmp_path / "gan-0") == pytest.approx((100 + 50) / 60)
    assert comparison.n_drawn(tmp_path / "gan-0") == 2 * 550


def test_steps_that_draw_several_batches_count_so(tmp_path: Path) -> None:
    make_run(tmp_path / "gan-0")
    rows = [{"step": 10, "images": 1650, "images_per_second": 5.5}, {"step": 20, "images_per_second": 11.0}]
    (tmp_path / "gan-0" / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert comparison.minutes(tmp_path / "gan-0") == pytest.approx((300 + 50) / 60)
    assert comparison.n_drawn(tmp_path / "gan-0") == 1650 + 550


def test_the_written_table_names_features_counts_resizer_and_figures(tmp_path: Path, calls: list[str]) -> None:
    make_run(tmp_path / "gan-0")
    found = table(tmp_path, command="imgedit evaluate tables mnist-gans")
    text = " ".join(layout.markdown(comparison.blocks(found)).split())
    assert "`lenet` features of tiny (aaaaaaaaaaaa), 7 real test and 10000 generated pictures" in text
    assert "resizer none (28 px); training pictures score 5.0" in text
    assert "| vanilla | 1 | 0 | 2 | 80.0 | 1.00 |" in text
    assert "| vanilla + rejection by a classifier | 1 | 0 | 2 | 40.0 | 0.50 |" in text
    assert text.endswith("Made by: imgedit evaluate tables mnist-gans")
    assert found["rows"][0]["fid"] == {"mean": 80.0, "spread": None}


def test_a_run_of_another_method_is_refused(tmp_path: Path, calls: list[str]) -> None:
    make_run(tmp_path / "gan-0", method="vae")
    with pytest.raises(ConfigError, match="gan-0 is a run of vae, the table wants gan"):
        table(tmp_path)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--data", "mnist:x"], "no finished run such as gan-0"),
        ([], "has figures for mnist-gans; --data NAME:DIR"),
        (["--train"], "--train needs --data NAME:DIR"),
        (["--json", "--markdown", "--data", "mnist:x"], "no finished run"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path: Path, calls: list[str], args: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["evaluate", "tables", "mnist-gans", "--runs", str(tmp_path), *args])
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())


def test_the_command_prints_the_table_or_json(tmp_path: Path, calls: list[str]) -> None:
    make_run(tmp_path / "gan-0")
    args = ["evaluate", "tables", "mnist-gans", "--runs", str(tmp_path)]
    done = CliRunner().invoke(app, [*args, "--data", "mnist:x", "--json"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["rows"][0]["method"] == "vanilla"
    done = CliRunner().invoke(app, [*args, "--markdown"])  # the figures are kept: no data set is needed
    assert "| vanilla + rejection by a classifier |" in done.stdout
    both = CliRunner().invoke(app, [*args, "--markdown", "--json"])
    assert (both.exit_code, both.stdout) == (2, "")
    assert calls == ["gan-0"]
