"""Training steps as they are written straight from a paper: the other side of `training.evaluate.steps`.

Each takes a new method of this project and batches, copies its networks, and returns one step of a plain PyTorch loop
on them: default Adam, default memory order, PyTorch's own layers, one pass for each picture that the paper names, no
averaged weights. A step draws as many batches as the method's own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data.batch import Batch
from training.networks.activations import LeakyReLU
from training.networks.blocks import DoubleToFew
from training.networks.linear import Linear

__all__ = ["Step", "cycle_vae", "gan", "stargan", "wgan_gp"]

Step = Callable[[], None]
"""One step of a loop."""
M = TypeVar("M", bound=nn.Module)


def gan(method: Any, batches: Iterator[Batch]) -> Step:
    """Return the step of Goodfellow et al. 2014, algorithm 1 with k = 1, and the non-saturating loss."""
    c = method.config
    generator, discriminator = plain(method.generator), plain(method.discriminator)
    adam_g, adam_d = (torch.optim.Adam(n.parameters(), c.lr, (c.beta1, c.beta2)) for n in (generator, discriminator))
    loss = nn.BCEWithLogitsLoss()

    def step() -> None:
        real = next(batches).image
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        adam_d.zero_grad()
        fake = generator(torch.randn(len(real), c.z_dim))
        (loss(discriminator(real), ones) + loss(discriminator(fake.detach()), zeros)).backward()
        adam_d.step()
        adam_g.zero_grad()
        loss(discriminator(fake), ones).backward()
        adam_g.step()

    return step


def wgan_gp(method: Any, batches: Iterator[Batch]) -> Step:
    """Return the step of Gulrajani et al. 2017, algorithm 1."""
    c = method.config
    generator, critic = plain(method.generator), plain(method.discriminator)
    adam_g, adam_d = (torch.optim.Adam(n.parameters(), c.lr, (c.beta1, c.beta2)) for n in (generator, critic))

    def step() -> None:
        for _ in range(c.n_critic):
            real = next(batches).image
            adam_d.zero_grad()
            fake = generator(torch.randn(len(real), c.z_dim)).detach()
            loss = critic(fake).mean() - critic(real).mean() + c.lambda_gp * _penalty(critic, real, fake)
            loss.backward()
            adam_d.step()
        adam_g.zero_grad()
        (-critic(generator(torch.randn(len(real), c.z_dim))).mean()).backward()
        adam_g.step()

    return step


def cycle_vae(method: Any, batches: Iterator[Batch]) -> Step:
    """Return the step of Jha et al. 2018, section 3, the losses weighted as those of the method.

    Where the method takes two new batches for the reverse cycle, as the authors' code, so does this one; else it takes
    the codes s of the pair's first and of another pair's second picture.
    """
    c = method.config
    encoder, decoder = plain(method.encoder), plain(method.decoder)
    adam = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], c.lr)
    adam_reverse = torch.optim.Adam(encoder.parameters(), c.lr_reverse)

    def step() -> None:
        batch = next(batches)
        pair = batch.image, batch.require_partner()
        adam.zero_grad()
        codes = [encoder(image) for image in pair]
        loss = torch.zeros(())
        for code, other, image in zip(codes, codes[::-1], pair, strict=True):
            z = code.z + torch.randn_like(code.z) * torch.exp(0.5 * code.z_logvar)
            kl = -0.5 * (1.0 + code.z_logvar - code.z.square() - code.z_logvar.exp()).sum() / len(image)
            error = 0.25 * F.mse_loss(decoder(other.s, z), image, reduction="sum") / len(image)
            loss = loss + 0.5 * (c.lambda_rec * error + c.lambda_kl * kl)
        loss.backward()
        adam.step()

        adam_reverse.zero_grad()
        if c.reverse_fresh:
            s = [encoder(next(batches).image).s.detach() for _ in range(2)]
        else:
            s = [codes[0].s.detach(), codes[1].s.detach().roll(1, 0)]
        z = torch.randn(len(s[0]), c.z_dim)
        first, second = (encoder(decoder(one, z)).z for one in s)
        (c.lambda_reverse * F.l1_loss(first, second, reduction="sum") / len(z)).backward()
        adam_reverse.step()

    return step


def stargan(method: Any, batches: Iterator[Batch]) -> Step:
    """Return the step of Choi et al. 2018: `n_critic` of D (equation 5), one of G (equation 6)."""
    c = method.config
    generator, discriminator = plain(method.generator), plain(method.discriminator)
    adam_g = torch.optim.Adam(generator.parameters(), c.lr_g, (c.beta1, 0.999))
    adam_d = torch.optim.Adam(discriminator.parameters(), c.lr_d, (c.beta1, 0.999))

    def classification(logits: Tensor, labels: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum") / len(labels)

    def step() -> None:
        for _ in range(c.n_critic):
            batch = next(batches)
            x, c_org = batch.image, batch.require_labels()
            c_trg = c_org[torch.randperm(len(c_org))]
            src, cls = discriminator(x)
            fake = generator(x, c_trg).detach()
            src_fake, _ = discriminator(fake)
            penalty = _penalty(lambda mixed: discriminator(mixed)[0], x, fake)
            loss = src_fake.mean() - src.mean() + c.lambda_cls * classification(cls, c_org) + c.lambda_gp * penalty
            adam_d.zero_grad()
            loss.backward()
            adam_d.step()
        fake = generator(x, c_trg)
        src, cls = discriminator(fake)
        back = generator(fake, c_org)
        loss = -src.mean() + c.lambda_cls * classification(cls, c_trg) + c.lambda_rec * F.l1_loss(back, x)
        adam_g.zero_grad()
        loss.backward()
        adam_g.step()

    return step


def plain(network: M) -> M:
    """Return a copy in PyTorch's default memory order, with its own layers in place of ours of the same function."""
    made = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    for parent in list(made.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, LeakyReLU):
                setattr(parent, name, nn.LeakyReLU(layer.negative_slope))
            elif isinstance(layer, Linear):
                dense = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
                dense.load_state_dict(layer.state_dict())
                setattr(parent, name, dense)
            elif isinstance(layer, DoubleToFew):
                up = nn.ConvTranspose2d(layer.in_channels, layer.out_channels, 4, 2, layer.cut)
                up.load_state_dict(layer.state_dict())
                setattr(parent, name, up)
            elif isinstance(layer, nn.GroupNorm) and layer.num_groups == layer.num_channels:
                own = nn.InstanceNorm2d(layer.num_channels, layer.eps, affine=layer.affine)
                own.load_state_dict(layer.state_dict())
                setattr(parent, name, own)
    return made


def _penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """Return the gradient penalty of Gulrajani et al. 2017, equation 3."""
    alpha = torch.rand(len(real), 1, 1, 1)
    mixed = (alpha * real + (1.0 - alpha) * fake).requires_grad_(True)
    out = critic(mixed)
    (gradient,) = torch.autograd.grad(out, mixed, torch.ones_like(out), create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1.0).square().mean()
