"""What a model says of the data set that it was trained on: which window its pictures show, source, terms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """What the manifest takes from a data set.

    Attributes:
        crop: the window of a face that its pictures are cut to (`imgedit.vision.geometry`), or `none`.
        source: what to cite.
        licence: terms of weights trained on it.
        commercial_use: whether these terms allow commercial use of the weights.
    """

    crop: str
    source: str
    licence: str
    commercial_use: bool = False


_RESEARCH = "weights: non-commercial research (terms of {})"

FACTS = {
    "ar": Facts("none", "AR, Martinez and Benavente 1998", _RESEARCH.format("AR")),
    "celeba": Facts("face", "CelebA, Liu et al. 2015", _RESEARCH.format("CelebA")),
    "celebamask_hq": Facts(
        "head",
        "CelebAMask-HQ, Lee et al. 2020",
        _RESEARCH.format("CelebAMask-HQ and CelebA, from which it was made"),
    ),
    "celeba_eyes": Facts("none", "CelebA, Liu et al. 2015", _RESEARCH.format("CelebA")),
    "celeba_people": Facts("inner", "CelebA, Liu et al. 2015", _RESEARCH.format("CelebA")),
    "cfp": Facts("inner", "CFP, Sengupta et al. 2016", _RESEARCH.format("CFP")),
    "ckplus": Facts("none", "CK+, Lucey et al. 2010", _RESEARCH.format("CK+")),
    "fei": Facts("none", "FEI, Thomaz and Giraldi 2010", _RESEARCH.format("FEI")),
    "fronts": Facts("face", "CelebA, Liu et al. 2015", _RESEARCH.format("CelebA")),
    "lpc": Facts("none", "Liberated Pixel Cup sprites", "weights: CC-BY-SA 3.0 or GPL 3.0 (terms of the sprites)"),
    "mnist": Facts(
        "none", "MNIST, LeCun et al. 1998", "weights: free (MNIST carries no restriction)", commercial_use=True
    ),
    "mouths": Facts(
        "none",
        "CelebA, Liu et al. 2015; CelebAMask-HQ, Lee et al. 2020",
        _RESEARCH.format("CelebA and CelebAMask-HQ"),
    ),
    "multipie": Facts("none", "Multi-PIE, Gross et al. 2010", _RESEARCH.format("Multi-PIE")),
    "sleeve_models": Facts(
        "none", "Kaggle fashion product images (small)", _RESEARCH.format("the set, whose pictures are a shop's")
    ),
    "umist": Facts("none", "UMIST, Graham and Allinson 1998", _RESEARCH.format("UMIST")),
    "worn_glasses": Facts(
        "none",
        "CelebA, Liu et al. 2015; CelebAMask-HQ, Lee et al. 2020",
        _RESEARCH.format("CelebA and CelebAMask-HQ"),
    ),
    "utkface": Facts("none", "UTKFace, Zhang et al. 2017", _RESEARCH.format("UTKFace")),
    "utkface_hair": Facts(
        "face", "UTKFace, Zhang et al. 2017, with names of hair colours", _RESEARCH.format("UTKFace")
    ),
}

UNKNOWN = Facts("none", "your own data", "weights: terms of the data that they were trained on")
