"""The card of a run in a repository: `README.md` with its YAML head."""

from __future__ import annotations

from huggingface_hub import ModelCardData

from training.publish.card_head import LIBRARY, terms
from training.publish.run_index import Index

__all__ = ["text"]


def text(index: Index, dataset: str, repo_id: str) -> str:
    """Return the card.

    Args:
        index: what the run says of itself.
        dataset: name of the data set that it is trained on.
        repo_id: `owner/name`.
    """
    head = ModelCardData(
        library_name=LIBRARY,
        tags=["safetensors", "checkpoint", index.method],
        datasets=[dataset],
        **terms(index.licence, index.commercial_use),
    )
    return f"""---
{head.to_yaml()}
---

# A training run of {index.method}

{index.steps:,} steps on {index.data_source}. Licence: {index.licence or "none given"}.
It is trained further, or exported as a model, with imgedit:

    imgedit checkpoints pull {repo_id} --run RUN
    imgedit train {index.method} --resume --run RUN --data {dataset}:DIR
    imgedit export RUN -o MODEL
"""
