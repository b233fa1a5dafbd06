"""Data sets: one file each, all yield `training.data.batch.Batch`."""

from __future__ import annotations

DATASETS = {
    "celeba": "training.data.celeba",
    "celebamask_hq": "training.data.celebamask_hq",
}
