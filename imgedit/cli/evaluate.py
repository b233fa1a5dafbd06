"""`imgedit evaluate`: one command for each thing that can be measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from imgedit.cli import tables
from imgedit.cli.common import Device, Json, guarded, show_logs
from imgedit.cli.training import Markdown, command_line, print_result, torch_extra, training_module
from imgedit.errors import ConfigError

__all__ = ["register"]

PAINTER = "sleeve_painter.sleeve_models"
Model = Annotated[str, typer.Argument(metavar="RUN|MODEL", help="A run folder, model folder or id.")]
Data = Annotated[str, typer.Option(metavar="NAME:DIR", help="Data set, such as celeba:DIR.")]
Seed = Annotated[int, typer.Option(min=0, help="Of every random choice.")]
Network = Annotated[
    str | None,
    typer.Option(metavar="RUN|MODEL", help="Also describe the faces by this network, such as face_recognition."),
]


def _writable(out: Path | None) -> Path | None:
    """Find out before hours of work whether the figures can be written."""
    if out is not None:
        from imgedit.files import check_writable

        check_writable(out)
    return out


Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        metavar="FILE",
        help="Also write the figures here, as JSON.",
        callback=guarded(_writable),
    ),
]


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
    group.command(epilog="Example: imgedit evaluate faces stargan_hair.celeba --data celeba:DIR --n 200")(
        guarded(faces)
    )
    group.command(epilog="Example: imgedit evaluate pose --data celebamask_hq:DIR --every --n 60")(guarded(pose))
    group.command(epilog="Example: imgedit evaluate expression --data celeba:DIR --data celebamask_hq:DIR")(
        guarded(expression)
    )
    group.command(epilog="Example: imgedit evaluate sleeves --data sleeve_models:DIR --n 50")(guarded(sleeves))
    group.command(epilog="Example: imgedit evaluate rotation runs/turned --data fei:DIR")(guarded(rotation))
    group.command(epilog="Example: imgedit evaluate verification --data cfp:DIR")(guarded(verification))
    group.command(epilog="Example: imgedit evaluate spill --data celebamask_hq:DIR --word blond")(guarded(spill))
    group.command(epilog="Example: imgedit evaluate codes runs/digits --data mnist:DIR --probe --swap")(guarded(codes))
    group.command(epilog="Example: imgedit evaluate drawn gan_r1.mnist --data mnist:DIR")(guarded(drawn))
    group.command(epilog="Example: imgedit evaluate speed --threads 1 --threads 2 -o speed.json")(guarded(speed))
    group.command(epilog="Example: imgedit evaluate show training/results/faces --markdown")(guarded(show))
    tables.register(group)
    app.add_typer(group, name="evaluate")


def _measure(
    module: str, *given: object, out: Path | None, markdown: bool, as_json: bool, named: str = "", **options: object
) -> None:
    """Measure by a module of training, write the figures and print them.

    Args:
        module: has `evaluate` and `blocks`.
        given: its arguments.
        out: file for the figures too.
        markdown: print Markdown.
        as_json: print JSON.
        named: the run or model whose figures they are; of a run they are kept in its folder.
        options: further arguments, by name.
    """
    show_logs(quiet=False)
    report = training_module(module)
    with torch_extra():
        result: dict[str, Any] = report.evaluate(*given, **options, command=command_line())
        training_module("training.evaluate.result").write(result, named, out)
    print_result(result, report.blocks(result), as_json, markdown)


def faces(
    data: Data,
    model: Annotated[
        str | None, typer.Argument(metavar="RUN|MODEL", help="A run folder, model folder or id; --sheet needs none.")
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(metavar="RUN|MODEL", help="Classifier that judges the edits [default: the bundled judge]."),
    ] = None,
    hair_judge: Annotated[
        str | None,
        typer.Option(metavar="RUN|MODEL", help="Judge of hair colours, shown the hair alone [default: the bundled]."),
    ] = None,
    real: Annotated[
        str | None,
        typer.Option(metavar="NAME:DIR", help="Also ask the judges of these faces' real grey hair: utkface_hair:DIR."),
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="So many pictures, chosen by --seed [default: all].")
    ] = None,
    seed: Seed = 0,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Faces of CelebA: test, or valid, to choose a model by.")
    ] = "test",
    sheet: Annotated[
        str | None,
        typer.Option(
            metavar="WORD", help="Measure nothing: draw 40 faces that the word changes, before and after, into -o FILE."
        ),
    ] = None,
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure edits by words, a classifier or a parser.

    With --sheet, draw what a word makes of held-out faces, to be looked at.
    """
    if sheet is not None:
        if out is None:
            raise ConfigError("--sheet draws a picture; say where it goes with -o FILE, such as -o sheet.png")
        if judge or hair_judge or real or markdown:
            raise ConfigError("--sheet measures nothing; --judge, --hair-judge, --real and --markdown are for figures")
        show_logs(quiet=False)
        sheets = training_module("training.evaluate.faces.sheet")
        sheets.check(out)
        with torch_extra():
            drawn = sheets.draw(sheet, data, model=model, n=n, seed=seed, split=split, device=device)
        sheets.write(drawn, out)
        print_result(drawn.told(), drawn.lines(), as_json, markdown)
        return
    if model is None:
        raise ConfigError("name the run or model to measure, or draw a word with --sheet WORD")
    _measure(
        "training.evaluate.faces.report",
        model,
        data,
        judge=judge,
        hair_judge=hair_judge,
        real=real,
        n=n,
        seed=seed,
        split=split,
        device=device,
        named=model,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def pose(
    data: Data,
    network: Network = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="At most so many turned and straight faces.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--every", help="All pictures, not only the last tenth of the sorted names.")
    ] = False,
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure turned heads: the pose that is reached, and likeness."""
    _measure(
        "training.evaluate.faces.pose",
        data,
        network=network,
        n=n,
        every=every,
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def expression(
    data: Annotated[
        list[str],
        typer.Option(metavar="NAME:DIR", help="celeba:DIR for smiles, celebamask_hq:DIR for swaps; repeatable."),
    ],
    network: Network = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="At most so many faces, and pairs [default: all].")
    ] = None,
    strength: Annotated[float, typer.Option(metavar="X", help="Of the smile.")] = 1.0,
    seed: Seed = 0,
    split: Annotated[str, typer.Option(metavar="NAME", help="test, or valid, to choose by.")] = "test",
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure changed expressions: smiles, and swaps."""
    _measure(
        "training.evaluate.faces.expression",
        data,
        network=network,
        n=n,
        split=split,
        strength=strength,
        seed=seed,
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def sleeves(
    data: Data,
    model: Annotated[
        str | None,
        typer.Argument(metavar="[RUN|MODEL]", help="A painter or a judge of sleeves [default: the bundled painter]."),
    ] = None,
    n: Annotated[int | None, typer.Option("--n", min=1, metavar="N", help="At most so many people each way.")] = None,
    judge: Annotated[
        str | None, typer.Option(metavar="RUN|MODEL", help="Classifier of sleeves [default: the bundled judge].")
    ] = None,
    seed: Seed = 0,
    split: Annotated[str, typer.Option(metavar="NAME", help="test, or valid, to choose by.")] = "test",
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure sleeves made short and long.

    What a judge sees, what changes outside of the region, and below the hips.
    """
    _measure(
        "training.evaluate.bodies.sleeves",
        model or PAINTER,
        data,
        named=model or "",
        n=n,
        judge=judge,
        seed=seed,
        split=split,
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def rotation(
    model: Model,
    data: Data,
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure faces that are drawn in another pose.

    Against the true view where the set has it; else whether the pose was obeyed and the person kept. A painter of
    hidden halves is measured on --data fronts:DIR.
    """
    _measure(
        "training.evaluate.faces.rotation",
        model,
        data,
        device=device,
        named=model,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def verification(
    data: Data,
    network: Network = None,
    n: Annotated[int | None, typer.Option("--n", min=10, metavar="N", help="At most so many people.")] = None,
    seed: Seed = 0,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="People: test, or valid, to choose an alignment by.")
    ] = "test",
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Verify profiles against frontal pictures.

    By the detector's landmarks, by the mesh's, and after they are turned to the front.
    """
    _measure(
        "training.evaluate.faces.verification",
        data,
        network=network,
        n=n,
        seed=seed,
        split=split,
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def spill(
    data: Data,
    word: Annotated[str, typer.Option(metavar="WORD", help="A word that changes hair.")] = "blond",
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Last tenth of the pictures: test; or valid, to choose by.")
    ] = "test",
    n: Annotated[int | None, typer.Option("--n", min=1, metavar="N", help="At most so many pictures.")] = None,
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Measure where a hair colour acts: on the hair, and beside it."""
    _measure(
        "training.evaluate.faces.spill",
        data,
        word=word,
        split=split,
        n=n,
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


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
    features: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What pictures are compared by: lenet or inception [default: lenet]."),
    ] = None,
    classifier: Annotated[
        str | None,
        typer.Option(metavar="RUN|MODEL", help="Digit classifier whose features lenet are [default: the bundled]."),
    ] = None,
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
    _measure(
        "training.evaluate.drawn.report",
        model,
        data,
        features=features,
        classifier=classifier,
        n=n,
        seed=seed,
        gamma=gamma,
        device=device,
        named=model,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


def speed(
    n: Annotated[int, typer.Option("--n", min=1, metavar="N", help="How often each edit is timed.")] = 7,
    threads: Annotated[
        list[int] | None, typer.Option(min=1, metavar="N", help="With so many threads; repeatable [default: 1].")
    ] = None,
    out: Out = None,
    device: Device = "auto",
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Time edits of the bundled portrait at 1920x1080.

    From the found face to the edited pixels, after one run that is not timed. Processor seconds are those of all
    threads together; they depend less than those of the clock on what else runs.
    """
    _measure(
        "training.evaluate.speed",
        n=n,
        threads=threads or [1],
        device=device,
        out=out,
        markdown=markdown,
        as_json=as_json,
    )


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
