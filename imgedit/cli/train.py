"""`imgedit train` and `export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from imgedit.cli.common import Device, Overwrite, message, result
from imgedit.cli.training import command_line, torch_extra, training_module
from imgedit.errors import ConfigError

__all__ = ["export", "register", "train"]


def register(app: typer.Typer) -> None:
    """Add the two commands to the application."""
    app.command(epilog="Example: imgedit train hair_grid --data celeba:DIR --run runs/hair")(train)
    app.command(epilog="Example: imgedit export runs/hair -o models/stargan_hair.celeba")(export)


def train(
    method: Annotated[
        str | None,
        typer.Argument(
            metavar="METHOD",
            help="What to train: attribute_classifier, cycle_vae, cyclegan, digit_classifier, dr_gan, "
            "face_parser, face_recognition, frontal_refiner, gan, glasses_remover, hair_classifier, hair_flow, "
            "hair_grid, hair_histogram, local_edits, lord, mathieu, md_gan, mouth_painter, pixel_vae, "
            "sleeve_classifier, sleeve_painter, stargan, szabo, unrolled_gan, vae, vae_gan, "
            "wgan, wgan_gp.",
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:DIR", help="Data set, such as celeba:DIR; a recipe may need several."),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE.toml|list",
            help="Train all stages of a bundled model; the same again goes on. list: all.",
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Named settings; the first is the default.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change one setting; repeatable.")
    ] = None,
    specified: Annotated[
        str | None,
        typer.Option(metavar="FACTOR", help="What s is, for methods with s and z: identity, pose, expression ..."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run folder [default: runs/METHOD-PRESET or runs/RECIPE].")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run folder's newest checkpoint.")] = False,
    init: Annotated[
        str | None, typer.Option(metavar="RUN|MODEL", help="Start from the weights of another run, or of a model.")
    ] = None,
    device: Device = "auto",
    steps: Annotated[int | None, typer.Option(min=1, metavar="N", help="Length of the training.")] = None,
    until: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop at this step of it; --resume goes on.")
    ] = None,
    sample_every: Annotated[int, typer.Option(min=0, metavar="N", help="Steps between sample grids; 0: none.")] = 500,
    checkpoint_every: Annotated[int, typer.Option(min=1, metavar="N", help="Steps between checkpoints.")] = 500,
    threads: Annotated[int | None, typer.Option(min=1, metavar="N", help="CPU threads [default: all cores].")] = None,
    precision: Annotated[
        str | None, typer.Option(help="fp32, or bf16: convolutions in bfloat16 [default: fp32, or the run's own].")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the settings (JSON) or the stages, and stop.")
    ] = False,
) -> None:
    """Train a model; Ctrl-C saves, --resume goes on."""
    if recipe is not None:
        given: dict[str, object] = {
            "METHOD": method,
            "--preset": preset,
            "--set": settings,
            "--specified": specified,
            "--init": init,
        }
        given |= {"--steps": steps, "--until": until, "--precision": precision, "--resume": resume}
        if refused := [name for name, value in given.items() if value]:
            raise ConfigError(f"a recipe says itself what to train; leave out {refused[0]}")
        how = {"device": device, "sample_every": sample_every, "checkpoint_every": checkpoint_every, "threads": threads}
        _train_recipe(recipe, run, data or [], dry_run, how)
        return
    if method is None:
        raise ConfigError("say what to train: METHOD, or --recipe NAME")
    sets = data or []
    if len(sets) > 1:
        raise ConfigError(f"--data {sets[1]}: a training uses one data set; give --data once")
    start = training_module("training.train")
    settings = [*(settings or []), *([] if specified is None else [f"specified={specified}"])]
    if dry_run:
        begun = (run or start.folder_of(method, preset)) if resume else None
        config = start.resolve(method, preset, settings, steps, begun)
        typer.echo(
            json.dumps({"method": method, "config": training_module("training.run.config").to_json(config)}, indent=2)
        )
        return
    with torch_extra():
        folder = start.begin(
            method,
            data=sets[0] if sets else None,
            preset=preset,
            settings=settings,
            run=run,
            resume=resume,
            device=device,
            steps=steps,
            until=until,
            sample_every=sample_every,
            checkpoint_every=checkpoint_every,
            threads=threads,
            precision=precision,
            init=init,
            about={"command": command_line()},
        )
    result(str(folder))


def _train_recipe(name: str, run: Path | None, data: list[str], dry_run: bool, how: dict[str, Any]) -> None:
    recipes, training = training_module("training.recipes.recipe"), training_module("training.recipes.train")
    if name == "list":
        for known in recipes.names():
            result(training.summary(recipes.find(known)))
        return
    recipe = recipes.find(name)
    folder = Path("runs") / recipe.name if run is None else run
    if dry_run:
        for command, is_done in training.plan(recipe, folder, training.folders(recipe, data) if data else {}):
            result(f"{command}  # done" if is_done else command)
        return
    with torch_extra():
        last = training.train(recipe, folder, training.folders(recipe, data), command=command_line(), **how)
    for line in training.what_next(recipe, last, training.folders(recipe, data)):
        message(line)
    result(str(last))


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of `imgedit train`.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="The model folder to make.")],
    model_id: Annotated[str | None, typer.Option("--id", metavar="METHOD.DATASET", help="The model's id.")] = None,
    version: Annotated[str, typer.Option(help="The model's version.")] = "1.0.0",
    half: Annotated[bool, typer.Option("--half", help="Store weights in half precision: half the size.")] = False,
    words: Annotated[
        str, typer.Option(metavar="W,W", help="Let users type only these words; the others are not good enough yet.")
    ] = "",
    overwrite: Overwrite = False,
) -> None:
    """Write a model folder from a run; refused unless ONNX Runtime agrees with torch."""
    exporter = training_module("training.publish.export")
    with torch_extra():
        manifest = exporter.export(
            run,
            out,
            model_id=model_id,
            version=version,
            overwrite=overwrite,
            half=half,
            words=[word.strip() for word in words.split(",") if word.strip()],
        )
    worst = max(manifest.export.onnx_max_difference.values())
    size = sum(graph.bytes for graph in manifest.graphs.values())
    result(f"{out}: {manifest.id}, {size / 1e6:.2f} MB, differs from torch by at most {worst:.1e}")
    if not manifest.metrics:
        message(f"no figures of these weights: measure {run} by one of `imgedit evaluate`, and export it again")
