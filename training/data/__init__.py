"""Data sets: one file each, all yield `training.data.batch.Batch`."""

from __future__ import annotations

DATASETS = {
    "ar": "training.data.ar",
    "celeba": "training.data.celeba",
    "celeba_eyes": "training.data.celeba_eyes",
    "celeba_people": "training.data.celeba_people",
    "celebamask_hq": "training.data.celebamask_hq",
    "cfp": "training.data.cfp",
    "ckplus": "training.data.ckplus",
    "fei": "training.data.fei",
    "fronts": "training.data.fronts",
    "gaussians": "training.data.gaussians",
    "lpc": "training.data.lpc",
    "mnist": "training.data.mnist",
    "mouths": "training.data.mouths",
    "multipie": "training.data.multipie",
    "sleeve_models": "training.data.sleeves",
    "umist": "training.data.umist",
    "utkface": "training.data.utkface",
    "utkface_hair": "training.data.utkface_hair",
    "worn_glasses": "training.data.worn_glasses",
}

MADE = frozenset({"gaussians"})
"""Sets that are computed: what stands after `NAME:` is a layout, not a folder."""
