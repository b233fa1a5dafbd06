"""A data set encoded once: the arrays that probe, t-SNE and few-shot work on, and the figures of the code itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgedit.progress import with_progress
from training.data.batch import to_tensor
from training.data.grouped import Grouped
from training.evaluate.subject import sample_indices
from training.method import Codes, Method
from training.networks.autoencoder import Code

BATCH = 256
ACTIVE_VARIANCE = 0.01
"""A dimension of z is active where its mean varies by more than this over the data (Burda et al. 2016, section 5.2)."""

Array = NDArray[np.float32]


class LatentMethod(Codes, Method, Protocol):
    """A method with a latent code."""


@dataclass(frozen=True)
class Latents:
    """The codes of pictures.

    Attributes:
        s: `(N, S)`; S is 0 where the method has no class part.
        z: `(N, Z)` means.
        logvar: `(N, Z)` log variances; None where z is no distribution.
        specified: `(N,)` int64 class of each picture.
    """

    s: Array
    z: Array
    logvar: Array | None
    specified: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.z)

    def sampled(self, rng: np.random.Generator) -> Array:
        """Draw z from q(z | x); the mean where z is no distribution."""
        if self.logvar is None:
            return self.z
        return self.z + np.exp(0.5 * self.logvar) * rng.standard_normal(self.z.shape, dtype=np.float32)

    def take(self, index: NDArray[np.int64]) -> Latents:
        """Return the codes at `index`."""
        logvar = None if self.logvar is None else self.logvar[index]
        return Latents(self.s[index], self.z[index], logvar, self.specified[index])


def encode(method: LatentMethod, dataset: Grouped, what: str = "Encoding") -> Latents:
    """Encode every picture of a set, in its order and without augmentation."""
    codes = []
    for start in with_progress(range(0, len(dataset), BATCH), what):
        image = to_tensor(dataset.images[start : start + BATCH].copy())  # a file's own bytes may be read-only
        codes.append(_arrays(method.encode(image.to(method.device))))
    s, z = (np.concatenate([code[i] for code in codes]) for i in (0, 1))
    logvars = [code[2] for code in codes if code[2] is not None]
    return Latents(s, z, np.concatenate(logvars) if logvars else None, dataset.specified)


def thinned(dataset: Grouped, n: int | None, seed: int) -> Grouped:
    """Return at most `n` pictures of a set, drawn by `seed` without replacement."""
    return dataset if n is None or n >= len(dataset) else dataset.subset(sample_indices(len(dataset), n, seed))


def reconstruction(method: LatentMethod, dataset: Grouped, latents: Latents) -> dict[str, float]:
    """Compare pictures with what their own s and mean z decode to.

    Returns:
        `mse` as of `decoding_error`, and `sse`, the same summed over a picture.
    """
    mse = decoding_error(method, dataset.images, latents.s, latents.z)
    return {"mse": mse, "sse": mse * float(np.prod(dataset.images.shape[1:]))}


def decoding_error(method: LatentMethod, images: NDArray[np.uint8], s: Array, z: Array) -> float:
    """Return the mean squared error, a value of a pixel on the scale 0..1, of decoded codes.

    Args:
        method: decodes.
        images: uint8 `(N, H, W, C)`, what the codes should decode to.
        s: `(N, S)`.
        z: `(N, Z)`.
    """
    total = 0.0
    for start in with_progress(range(0, len(images), BATCH), "Decoding"):
        part = slice(start, start + BATCH)
        made = method.decode(tensor(method, s[part]), tensor(method, z[part]))
        total += float((made - to_tensor(images[part].copy()).to(made.device)).double().square().sum()) / 4.0
    return total / images.size


def tensor(method: LatentMethod, codes: Array) -> Tensor:
    """Return codes on the method's device."""
    return torch.from_numpy(np.ascontiguousarray(codes, np.float32)).to(method.device)


def information(latents: Latents) -> dict[str, float | int]:
    """Say how much z holds.

    Returns:
        `active_dimensions` of z and, where z is a distribution, `kl_nats`: KL(q(z | x) || N(0, 1)) summed over the
        dimensions and averaged over the pictures.

    Reference:
        Burda et al. 2016, Importance weighted autoencoders, arXiv 1509.00519, section 5.2 (active dimensions).
    """
    figures: dict[str, float | int] = {
        "dimensions": latents.z.shape[1],
        "active_dimensions": int((latents.z.var(0, dtype=np.float64) > ACTIVE_VARIANCE).sum()),
    }
    if latents.logvar is not None:
        mean, logvar = latents.z.astype(np.float64), latents.logvar.astype(np.float64)
        kl = 0.5 * (np.square(mean) + np.exp(logvar) - 1.0 - logvar)
        figures["kl_nats"] = float(kl.sum(1).mean())
    return figures


def _arrays(code: Code) -> tuple[Array, Array, Array | None]:
    logvar = None if code.z_logvar is None else code.z_logvar.cpu().numpy()
    return code.s.cpu().numpy(), code.z.cpu().numpy(), logvar
