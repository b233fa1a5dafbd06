"""The card of a run in a repository: `README.md` with its YAML head."""

from __future__ import annotations

import shlex

from huggingface_hub import ModelCardData

from training.data import MADE
from training.publish.card_head import LIBRARY, terms
from training.publish.run_index import Index

__all__ = ["resume_command", "text"]


def resume_command(method_id: str, data: str, run: str) -> str:
    """Return the command that goes on with a run.

    Args:
        method_id: what is trained.
        data: the data set, without its folder but for those that are computed (`gaussians:ring8`).
        run: the run folder.
    """
    name = data.partition(":")[0]
    place = data if name in MADE else f"{name}:DIR"
    return f"imgedit train {method_id} --resume --run {shlex.quote(run)} --data {shlex.quote(place)}"


def text(index: Index, data: str, repo_id: str) -> str:
    """Return the card.

    Args:
        index: what the run says of itself.
        data: the data set that it is trained on, as `resume_command`.
        repo_id: `owner/name`.
    """
    head = ModelCardData(
        library_name=LIBRARY,
        tags=["safetensors", "checkpoint", index.method],
        datasets=[data.partition(":")[0]],
        **terms(index.licence, index.commercial_use),
    )
    return f"""---
{head.to_yaml()}
---

# A training run of {index.method}

{index.steps:,} steps on {index.data_source}. Licence: {index.licence or "none given"}.
It is trained further, or exported as a model, with imgedit:

    imgedit checkpoints pull {repo_id} --run RUN
    {resume_command(index.method, data, "RUN")}
    imgedit export RUN -o MODEL
"""
