"""Unrolled GAN (Metz et al. 2017): the generator is trained against a discriminator k steps ahead.

theta_D = parameters of `discriminator`, theta_G = of `generator`, K = `unroll`. The look-ahead is theta_D^k(theta_D,
theta_G) of equation 8, and the generator's gradient goes through all of it (equation 11, both terms).
Deviations: the discriminator goes slower than the generator (`d_pace`; a tenth, as in code that follows the authors'
ring of Gaussians): at the same pace, of nine Gaussians two modes are left. The look-ahead goes on with the true Adam's
moments; its second moment rolls on without a gradient, which keeps the second-order terms bounded where a gradient is
near 0. On MNIST the generator's loss is that of the minimax game (`minimax`). The non-saturating one is not what the
discriminator plays for, so that its second term may reward spoiling the discriminator's next steps; with it the true
discriminator wins or pictures stay worse. A second phase at a lower learning rate; the average of the generator's
weights is kept, and exported.
`notebook` is the authors' own demonstration (poolio/unrolled_gan): two layers of 128 tanh, z of 256, the saddle loss,
5 steps ahead, rates of 1e-3 and 1e-4, 25,000 steps of 512 points. Its ring has radius 1 and deviation 0.01, and of its
eight modes two are one (both ends of a full turn); `gaussians:ring8` has eight, radius 0.8 and deviation 0.02. It also
moves both networks at once, ours the discriminator first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call

from training.families.gan import POINTS, REPORTED_STEPS, AdamConfig, AdversarialMethod
from training.losses.adversarial import logistic_discriminator, non_saturating_generator
from training.run.optim import descend, set_lr


@dataclass(frozen=True)
class Config(AdamConfig):
    """Settings of one training."""

    unroll: int = 5
    """Look-ahead steps of the discriminator; 0 is the plain GAN."""
    fresh: bool = False
    """The generator's loss is on newly drawn pictures, not on those of the look-ahead."""
    minimax: bool = False
    """The generator's loss is the discriminator's with its sign turned, on the real pictures too; else the
    non-saturating one."""
    d_pace: float = 0.1
    """Learning rate of the discriminator as a share of the generator's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unroll < 0:
            raise ValueError(f"unroll must be 0 or more, got {self.unroll}")
        if not self.d_pace > 0:
            raise ValueError(f"d_pace must be above 0, got {self.d_pace}")


_MNIST: dict[str, object] = {"lr": 4e-4, "second_lr": 4e-5, "d_pace": 0.3, "minimax": True}
PRESETS: dict[str, dict[str, object]] = {
    "compact": {**_MNIST, "steps": REPORTED_STEPS // 5},
    "paper": _MNIST,
    "points": dict(POINTS),
    "notebook": {
        "channels": 2, "size": 1, "network": "tanh", "z_dim": 256, "batch_size": 512, "steps": 25_000, "lr": 1e-3,
        "second_phase": 0.0, "d_pace": 0.1, "minimax": True, "ema_decay": 0.0,
    },
}  # fmt: skip
_EPS = 1e-8  # as Adam's


class Method(AdversarialMethod):
    """Two networks, two Adams."""

    id = "unrolled_gan"
    paper = "Unrolled generative adversarial networks, Metz et al. 2017, arXiv 1611.02163"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(config, device)

    def set_learning_rates(self, lr: float) -> None:
        """Set both learning rates."""
        super().set_learning_rates(lr)
        set_lr(self.optimizer_d, self.config.d_pace * lr)

    def discriminator_step(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of logistic loss, as in the plain GAN."""
        loss = logistic_discriminator(*self.discriminator(torch.cat([real, fake])).chunk(2))
        descend(self.optimizer_d, loss)
        return {"loss_d": loss.detach()}

    def generator_step(self, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        """A step against the discriminator that looked ahead."""
        ahead = self.look_ahead(real, fake)
        last = self.generator(self.noise(len(fake))) if self.config.fresh else fake
        if self.config.minimax:
            both = torch.cat([real, last])
            loss = -logistic_discriminator(*functional_call(self.discriminator, ahead, (both,)).chunk(2))
        else:
            loss = non_saturating_generator(functional_call(self.discriminator, ahead, (last,)))
        weights = list(self.generator.parameters())
        gradients = torch.autograd.grad(loss, weights)  # of the generator only: the true discriminator gets none
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        self.optimizer_g.step()
        return {"loss_g": loss.detach()}

    def look_ahead(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Return the discriminator's parameters after `unroll` steps of Adam, differentiable in `fake`.

        It goes on from the optimizer's moments, so at least one true step must have been made.

        Args:
            real: `(N, C, H, W)`.
            fake: `(N, C, H, W)`, with the generator's graph behind it.
        """
        config = self.config
        lr = float(self.optimizer_d.param_groups[0]["lr"])
        named = dict(self.discriminator.named_parameters())
        moments = [self.optimizer_d.state[p] for p in named.values()]
        t = int(moments[0]["step"])
        first: list[Tensor] = [m["exp_avg"] for m in moments]
        second: list[Tensor] = [m["exp_avg_sq"] for m in moments]
        values: list[Tensor] = [p.detach().requires_grad_() for p in named.values()]
        both = torch.cat([real, fake])
        for _ in range(config.unroll):
            t += 1
            logits = functional_call(self.discriminator, dict(zip(named, values, strict=True)), (both,))
            gradients = torch.autograd.grad(logistic_discriminator(*logits.chunk(2)), values, create_graph=True)
            step_size = lr / (1.0 - config.beta1**t)
            scale = (1.0 - config.beta2**t) ** -0.5
            for i, gradient in enumerate(gradients):
                first[i] = first[i].lerp(gradient, 1.0 - config.beta1)
                with torch.no_grad():
                    second[i] = second[i].lerp(gradient.square(), 1.0 - config.beta2)
                    rate = second[i].sqrt().mul_(scale).add_(_EPS).reciprocal_().mul_(step_size)
                values[i] = torch.addcmul(values[i], first[i], rate, value=-1.0)
        return dict(zip(named, values, strict=True))
