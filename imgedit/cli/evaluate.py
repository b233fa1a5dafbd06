"""`imgedit evaluate`: one command for each thing that can be measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from imgedit.cli import evaluate_photos, tables
from imgedit.cli.common import Device, Json, guarded, show_logs
from imgedit.cli.measuring import Data, DigitClassifier, FeaturesOption, InceptionWeights, Model, Out, Seed, measure
from imgedit.cli.training import Markdown, command_line, print_result, torch_extra, training_module
from imgedit.errors import ConfigError

__all__ = ["register"]

_OLD = {
    "--attributes": "evaluate faces RUN",
    "--table": "evaluate tables NAME",
    "--sweep": "evaluate tables sweep",
    "--fid": "evaluate drawn RUN",
    **dict.fromkeys(("--probe", "--tsne", "--swap", "--interpolate", "--sample", "--few-shot"), "evaluate codes RUN"),
}
"""Option of `imgedit evaluate` before it had commands -> what it is now."""


class _Group(TyperGroup):
    """Says what the form without a command, `imgedit evaluate RUN --fid`, is now."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and not {"-h", "--help"} & set(args):
            now = next((new for old, new in _OLD.items() if old in args), None)
            if now is not None:
                ctx.fail(f"`imgedit evaluate {args[0]} ...` is now `imgedit {now} ...`; see imgedit evaluate --help")
            ctx.fail(f"say what to measure before {args[0]!r}: {', '.join(self.commands)}; see imgedit evaluate --help")
        rest: list[str] = super().parse_args(ctx, args)
        return rest


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(
        cls=_Group,
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Measure a model or run on held-out data, or print the tables of many runs.",
    )
    evaluate_photos.register(group)
    group.command(epilog="Example: imgedit evaluate codes runs/digits --data mnist:DIR --probe --swap")(guarded(codes))
    group.command(epilog="Example: imgedit evaluate drawn gan_r1.mnist --data mnist:DIR")(guarded(drawn))
    group.command(epilog="Example: imgedit evaluate steps gan wgan_gp --n 41")(guarded(steps))
    group.command(epilog="Example: imgedit evaluate show training/results/faces --markdown")(guarded(show))
    tables.register(group)
    app.add_typer(group, name="evaluate")


def codes(
    model: Model,
    data: Data,
    probe: Annotated[
        bool, typer.Option("--probe", help="What z and s tell of the class (the default where nothing is named).")
    ] = False,
    probe_unseen: Annotated[
        bool, typer.Option("--probe-unseen", help="The same of classes that training never saw, such as other people.")
    ] = False,
    few_shot: Annotated[bool, typer.Option("--few-shot", help="0, 1 and 10 pictures of unseen classes.")] = False,
    tsne: Annotated[bool, typer.Option("--tsne", help="Maps of z and s.")] = False,
    swap: Annotated[bool, typer.Option("--swap", help="Grid: s of one picture, z of another.")] = False,
    interpolate: Annotated[bool, typer.Option("--interpolate", help="Grid between two pictures in s and z.")] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Grid: random z with s fixed.")] = False,
    factor: Annotated[
        str | None,
        typer.Option(metavar="FACTOR", help="What is probed: identity, pose ... [default: what was trained]."),
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="Training pictures of --probe [default: 20000].")
    ] = None,
    seed: Seed = 0,
    split: Annotated[
        str,
        typer.Option(metavar="NAME", help="Of --probe: test; valid, to choose by; or train. Only test is kept."),
    ] = "test",
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure a latent code, or draw what it can do.

    Pictures are written into the run folder, of a model into runs/ID.
    """
    show_logs(quiet=False)
    flags = {
        "probe": probe,
        "probe-unseen": probe_unseen,
        "few-shot": few_shot,
        "tsne": tsne,
        "swap": swap,
        "interpolate": interpolate,
        "sample": sample,
    }
    _check_has_codes(model)
    report = training_module("training.evaluate.codes.report")
    with torch_extra():
        result: dict[str, Any] = report.evaluate(
            model,
            data,
            parts=[name for name, on in flags.items() if on] or ["probe"],
            n=n,
            seed=seed,
            device=device,
            factor=factor,
            split=split,
            command=command_line(),
        )
        report.write(result, model, out)
    print_result(result, [*report.blocks(result), *report.picture_files(result, model)], as_json, markdown)


def _check_has_codes(name: str) -> None:
    """Refuse a model that cannot have a latent code before anything that takes seconds to load; runs are not asked."""
    from imgedit.models import library
    from imgedit.models.manifest import FILE

    if Path(name).is_dir() and not (Path(name) / FILE).exists():
        return
    model = library.find(name)
    if model.manifest.kind not in ("swap", "sample"):
        raise ConfigError(
            f"{model.id} has no latent code: it is there to {model.manifest.kind}; `imgedit evaluate codes` measures "
            "methods such as cycle_vae"
        )


def drawn(
    model: Model,
    data: Data,
    features: FeaturesOption = None,
    classifier: DigitClassifier = None,
    inception_weights: InceptionWeights = None,
    gamma: Annotated[
        str | None,
        typer.Option(metavar="P%|X", help="Rejection: a percentile, or a number [default: chosen of 80, 50, 20, 5 %]."),
    ] = None,
    n: Annotated[int | None, typer.Option("--n", min=1, metavar="N", help="Pictures [default: 10000].")] = None,
    seed: Seed = 0,
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure what a GAN draws: FID of pictures, modes of points."""
    measure(
        "training.evaluate.drawn.report",
        model,
        data,
        features=features,
        classifier=classifier,
        inception_weights=inception_weights,
        n=n,
        seed=seed,
        gamma=gamma,
        device=device,
        named=model,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def steps(
    cases: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CASE]...",
            help="gan, wgan_gp, cycle_vae-compact, cycle_vae-paper, stargan-compact [default: all].",
        ),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=3, metavar="N", help="Turns of each loop.")] = 21,
    out: Out = None,
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Time training steps beside plain PyTorch loops.

    By processor time on one thread. Both loops have the same networks and batches, and run in turn.
    """
    measure("training.evaluate.steps", n=n, cases=cases or [], out=out, markdown=markdown, as_json=as_json)


def show(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="FILE|DIR...", help="Figures that --out wrote, or a run's evaluation.json."),
    ],
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Print kept figures again."""
    report = training_module("training.evaluate.report")
    with torch_extra():
        kept = report.kept(results)
        blocks = report.sections(kept, command_line())
    print_result([result for _, result in kept], blocks, as_json, markdown)
