"""`imgedit doctor` and `config`: what of this machine works, and where settings come from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from imgedit.cli.common import Command, Device, Json, Quiet, message, result, show_logs
from imgedit.errors import ConfigError

if TYPE_CHECKING:
    from imgedit.doctor import Report

__all__ = ["config", "doctor", "register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(cls=_Tolerant, epilog="Example: imgedit doctor --json")(doctor)
    app.command(cls=_Tolerant, epilog="Example: IMGEDIT_DEVICE=cpu imgedit config")(config)


class _Tolerant(Command):
    """A command that says what is wrong with the settings, so wrong ones do not stop it."""

    is_strict = False


def doctor(device: Device = "auto", as_json: Json = False, quiet: Quiet = False) -> None:
    """Examine this machine: versions, processors, GPU libraries, models, a timed edit, folders, and what to mend.

    The exit code is 1 where photos cannot be edited.
    """
    show_logs(quiet)
    from imgedit.doctor import examine
    from imgedit.progress import status

    with status("Examining this machine", quiet=quiet):
        report = examine(device)
    if as_json:
        result(report.to_json())
    else:
        _say(report)
    if not report.works:
        raise typer.Exit(1)


def _say(report: Report) -> None:
    result("versions")
    for name, version in report.versions.items():
        result(f"    {name} {version or 'is not installed'}")
    result(f"processors: {report.cores} cores, NVIDIA GPUs: {report.gpus}")
    for provider, why in report.providers.items():
        result(f"    {provider.removesuffix('ExecutionProvider')}: {'works' if why is None else why}")
    if report.libraries:
        result(f"libraries of CUDA {report.cuda} and cuDNN")
        for name, where in report.libraries.items():
            result(f"    {name}: {where or 'missing'}")
    damaged = sum(why is not None for why in report.models.values())
    result(f"models: {len(report.models)}, " + (f"{damaged} damaged" if damaged else "all as their manifests say"))
    result("an edit of the bundled portrait")
    for name, seconds in report.seconds.items():
        parts = ", ".join(f"{stage} {value:.2f}" for stage, value in seconds.items() if stage != "whole")
        result(f"    {name}: {seconds['whole']:.2f} s ({parts})")
    result("folders")
    for name, folder in report.folders.items():
        result(f"    {name}: {folder or 'not known'}")
    for problem in report.problems:
        result(f"{'error' if problem.is_error else 'problem'}: {problem.what}")
        if problem.fix:
            result(f"    fix: {problem.fix}")
    result(_verdict(report))


def _verdict(report: Report) -> str:
    """Say in a sentence whether photos can be edited, and what to do otherwise."""
    errors = sum(problem.is_error for problem in report.problems)
    if errors:
        what = "the error" if errors == 1 else f"the {errors} errors"
        return f"Photos cannot be edited here: mend {what} above as 'fix' says, then run imgedit doctor again."
    if report.problems:
        return "Photos can be edited here: the problems above slow it down or limit it, and may stay."
    return "All is well: photos can be edited here, and there is nothing to do."


def config(as_json: Json = False, quiet: Quiet = False) -> None:
    """List the settings, their values, and where each comes from: environment, config.toml or default.

    An option on the command line wins over the environment, that over the file. The exit code is 2 where a setting
    or the file is wrong.
    """
    show_logs(quiet)
    from imgedit import settings

    found, problems = settings.survey()
    if not as_json:
        path = settings.config_file()
        is_there = os.path.exists(path) or bool(problems)
        message(f"settings are read from {path}" + ("" if is_there else ", which does not exist"), quiet=quiet)
    width = max(len(one.setting.name) for one in found)
    for one in found:
        if as_json:
            wrong = {"problem": one.problem} if one.problem else {}
            result({"setting": one.setting.name, "value": one.value, "from": one.origin, **wrong})
            continue
        shown = "-" if one.value is None else str(one.value).lower() if isinstance(one.value, bool) else one.value
        origin = f"{one.origin}, wrong" if one.problem else one.origin
        result(f"{one.setting.name:<{width}}  {shown}  ({origin})  {one.setting.text}")
    for problem in problems:
        message(f"error: {problem}")
    if problems:
        raise typer.Exit(ConfigError.exit_code)
