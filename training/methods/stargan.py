"""StarGAN (Choi et al. 2018, arXiv 1711.09020): one generator for many attributes, and small forms of it.

Code to paper: `generator` = G, `discriminator` = D with heads D_src (`adversarial`) and D_cls (`classify`), `edit` = c,
`lambda_cls`, `lambda_rec`, `lambda_gp` as there. `paper` is the published configuration.

Deviations, each a field of `Config` (`training.families.translation`) that `paper` leaves off:
  - `generator = bilateral` returns a grid of affine colour transforms in place of pixels (HDRNet, Gharbi et al. 2017),
    limited by a hair mask; `compact` is a U-Net of 0.43 GMAC at 128 px that adds a change to its input; `flow` moves
    the photo's own hair (appearance flow, Zhou et al. 2016).
  - `adversarial = hinge` (Lim and Ye 2017) with lazy R1 (Mescheder et al. 2018) in place of WGAN-GP.
  - `conditioning = difference` gives G only the change, as STGAN does (Liu et al. 2019, arXiv 1904.09709).
  - `teacher`: a frozen classifier, trained apart and shown augmented pictures, as a second D_cls.
  - `keeper`: another, of faces, whose mind an edit is not to change on any other attribute.
  - `local`: G changes, and D_src judges, the part of the face that shows the attribute.
  - `any_hair`: faces without one label of hair colour are also asked for one.
  - `lambda_colour`: the Lab colours of the edited hair pixels follow those of real hair of the wanted colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training.data.augment import augment_colour, diff_augment
from training.data.batch import Batch
from training.data.celeba import HAIR
from training.data.targets import only_exclusive, switched, wanted_labels
from training.families.translation import PRESETS, Config
from training.losses import adversarial as losses
from training.losses.colour import curve_penalty, tint_of, with_contrast
from training.losses.colour_bank import ColourBank
from training.method import Graph
from training.networks.bilateral import BilateralGenerator
from training.networks.flow import FlowGenerator
from training.networks.patch import PatchClassifier
from training.networks.teacher import FrozenClassifier
from training.networks.translators import CompactGenerator, ResnetGenerator
from training.publish.words import MOVED_TO, SEEN_IN, windows_of, words_of
from training.run.optim import EMA, descend, load_matching, on_device, restore, set_lr, state_of

__all__ = ["PRESETS", "Config", "Method"]

_PARTS = ("generator", "discriminator", "optimizer_g", "optimizer_d", "ema")


class Method:
    """G, D, their optimizers, the averaged G and the bank of real hair colours."""

    id = "stargan"

    def __init__(
        self,
        config: Config,
        device: torch.device | str = "cpu",
        teacher: FrozenClassifier | None = None,
        keeper: FrozenClassifier | None = None,
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        k = len(config.attributes)
        self.shows_mask = config.mask and config.generator != "flow"  # to D
        n_in = 7 if self.shows_mask else 3
        self.generator = on_device(self._new_generator(), self.device)
        critic = PatchClassifier(config.size, n_in, k, config.d_width, config.d_layers, config.conditional)
        self.discriminator = on_device(critic, self.device)
        betas = (config.beta1, 0.999)
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), lr=config.lr_g, betas=betas)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), lr=config.lr_d, betas=betas)
        self.ema = EMA(self.generator, config.ema_decay)
        self.hair = [config.attributes.index(a) for a in HAIR if a in config.attributes]
        self.bank = ColourBank(len(self.hair), self.device)
        self.teacher = None if teacher is None else teacher.selecting(config.attributes, config.crop)
        self.keeper = None if keeper is None else keeper.without(config.attributes, config.crop)
        if self.teacher is not None and self.teacher.masked and not config.mask:
            raise ConfigError(f"teacher={config.teacher!r} looks at the hair alone, which needs mask=true")
        self.steps = 0

    def _new_generator(self) -> nn.Module:
        config, k = self.config, len(self.config.attributes)
        if config.generator == "bilateral":
            return BilateralGenerator(k, config.width, config.cells, config.depth)
        if config.generator == "resnet":
            return ResnetGenerator(k, config.width, config.n_blocks)
        moves = config.generator == "flow"
        size, boxes = (config.size // 2, MOVED_TO) if moves else (config.size, SEEN_IN)
        windows = windows_of(config.attributes, config.crop, size, boxes) if config.local else None
        return (FlowGenerator if moves else CompactGenerator)(k, config.width, config.n_blocks, windows)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {
            "size": config.size,
            "attributes": config.attributes,
            "parts": config.parts,
            "balance": config.attributes,
            "groups": config.groups,
            "one_hair_colour": set(config.attributes) <= set(HAIR) and not config.any_hair,
            "mask_model": config.mask_model if config.mask else None,
            "crop": config.crop,
        }

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "width": 4, "n_blocks": 1, "d_width": 4, "d_layers": 3, "batch_size": 4, "steps": 40,
                "attributes": ("Blond_Hair", "Smiling"), "d_warmup": 0}  # fmt: skip

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """`n_critic` discriminator steps, each on its own batch, then one generator step on the last of them."""
        factor = self._lr_factor()
        set_lr(self.optimizer_d, self.config.lr_d * factor)
        set_lr(self.optimizer_g, self.config.lr_g * factor)
        logs: dict[str, Tensor] = {}
        for _ in range(self.config.n_critic):
            batch = self._to_device(next(stream))
            wanted = self._wanted(batch.require_labels())
            logs = self.discriminator_step(batch, wanted)
            self.steps += 1
        if self.steps > self.config.d_warmup:
            logs |= self.generator_step(batch, wanted)
            self.ema.update(self.generator)
        return logs

    def discriminator_step(self, batch: Batch, wanted: Tensor) -> dict[str, Tensor]:
        """One step of D: real against translated, and the labels of real pictures."""
        config = self.config
        present = batch.require_labels()
        real = self._seen(batch.image, batch.mask)
        with torch.no_grad():
            fake = self._seen(self.translate(batch.image, present, wanted, batch.mask), batch.mask)
        use_r1 = config.adversarial == "hinge" and config.lambda_r1 > 0 and self.steps % 16 == 0
        real = real.requires_grad_(use_r1)
        real_logits, real_cls = self.discriminator(real, present)
        fake_logits, _ = self.discriminator(fake, wanted)
        logs = {"loss_d_cls": self._classification(real_cls, present)}
        if config.adversarial == "hinge":
            focus = self._focus(present, wanted, real_logits)
            logs["loss_d_adv"] = losses.hinge_discriminator(real_logits, fake_logits, focus)
            loss = logs["loss_d_adv"]
            if use_r1:
                loss = loss + 8 * config.lambda_r1 * losses.r1_penalty(real, real_logits.mean((1, 2, 3)))
        else:
            logs["loss_d_adv"] = losses.wasserstein_critic(real_logits, fake_logits)
            logs["loss_d_gp"] = losses.gradient_penalty(lambda seen: self._source(seen, present), real, fake)
            loss = logs["loss_d_adv"] + config.lambda_gp * logs["loss_d_gp"]
        loss = loss + max(config.lambda_cls, 0.3) * logs["loss_d_cls"]
        descend(self.optimizer_d, loss)
        return {name: value.detach() for name, value in logs.items()}

    def generator_step(self, batch: Batch, wanted: Tensor) -> dict[str, Tensor]:
        """One step of G: fool D_src, satisfy D_cls (and the teacher), come back by the reverse edit."""
        config = self.config
        self.discriminator.requires_grad_(False)
        present = batch.require_labels()
        raw = self._raw(batch.image, self._edit(present, wanted), batch.mask)
        fake, mask = self._rendered(raw, batch.image, batch.mask)
        logits, cls = self.discriminator(self._seen(fake, batch.mask), wanted)
        focus = self._focus(present, wanted, logits)
        terms = {"loss_g_adv": (config.lambda_adv, losses.hinge_generator(logits, focus))}
        terms["loss_g_cls"] = (config.lambda_cls, self._classification(cls, wanted))
        back = self.translate(fake, wanted, present, mask)
        loss_rec = (back - batch.image)[self._named(present)].abs().sum() / batch.image.numel()
        asked_nothing = (wanted == present).all(1)
        if asked_nothing.any():
            loss_rec = loss_rec + (fake - batch.image)[asked_nothing].abs().mean()
        terms["loss_g_rec"] = (config.lambda_rec, loss_rec)
        if self.teacher is not None:
            said = self.teacher(augment_colour(fake, 0.05), batch.mask)
            loss_teacher = self._classification(said, wanted, _share(wanted, config.teacher_share))
            terms["loss_g_teacher"] = (config.lambda_teacher, loss_teacher)
        if self.keeper is not None:
            share = _share(wanted, config.keep_share)
            loss_keep = losses.changed_mind(self.keeper(batch.image), self.keeper(fake), share)
            terms["loss_g_keep"] = (config.lambda_keep, loss_keep)
        if config.lambda_change > 0:
            terms["loss_g_change"] = (config.lambda_change, (fake - batch.image).abs().mean())
        if config.lambda_chroma > 0:
            terms["loss_g_chroma"] = (config.lambda_chroma, tint_of(fake - batch.image).abs().mean())
        if config.lambda_tv > 0:
            terms["loss_g_tv"] = (config.lambda_tv, losses.total_variation(fake - batch.image))
        if config.lambda_colour > 0:
            with torch.autocast(self.device.type, enabled=False):  # tints are small differences
                loss_colour, loss_tint = self.bank.compare(
                    batch.image,
                    fake.float(),
                    batch.require_mask(),
                    (present * self._named(present)[:, None])[:, self.hair],
                    wanted[:, self.hair],
                    free=config.free_tint,
                )
            terms["loss_g_colour"] = (config.lambda_colour, loss_colour)
            terms["loss_g_tint"] = (config.lambda_tint, loss_tint)
        if config.lambda_smooth > 0:
            smooth = raw[:, :2] if config.generator == "flow" else raw
            axes = [d for d in range(2, smooth.dim()) if smooth.shape[d] > 1]
            across = sum((smooth.diff(dim=d).square().mean() for d in axes), torch.zeros(()))
            terms["loss_g_smooth"] = (config.lambda_smooth, across)
        if config.lambda_curve > 0:
            changed = raw[~asked_nothing] if not asked_nothing.all() else raw
            terms["loss_g_curve"] = (config.lambda_curve, curve_penalty(changed))
        loss = sum((weight * value for weight, value in terms.values()), torch.zeros((), device=self.device))
        descend(self.optimizer_g, loss)
        self.discriminator.requires_grad_(True)
        return {name: value.detach() for name, (_, value) in terms.items()}

    def translate(self, image: Tensor, present: Tensor, wanted: Tensor, mask: Tensor | None) -> Tensor:
        """Edit `image` `(N, 3, H, W)` from labels `present` to `wanted` `(N, K)`, within `mask` where one is used."""
        return self._rendered(self._raw(image, self._edit(present, wanted), mask), image, mask)[0]

    def _raw(self, image: Tensor, edit: Tensor, mask: Tensor | None, network: nn.Module | None = None) -> Tensor:
        generator = self.generator if network is None else network
        raw: Tensor = generator(image, edit, mask) if isinstance(generator, FlowGenerator) else generator(image, edit)
        return raw

    def _rendered(
        self, raw: Tensor, image: Tensor, mask: Tensor | None, network: nn.Module | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Turn what the generator returned into an image, and tell where in it is what the mask shows."""
        generator = self.generator if network is None else network
        limit = mask if self.config.mask else None
        if isinstance(generator, FlowGenerator) and limit is not None:
            return generator.render(raw, image, limit)
        if not isinstance(generator, BilateralGenerator):
            return (raw if limit is None else image + limit * (raw - image)), mask
        out = generator.render(raw, image).clamp(-1.0, 1.0)
        if limit is None:
            return out, mask
        if self.config.contrast > 0:
            out = with_contrast(image, out, limit, self.config.contrast)
        return (image + limit * (out - image)).clamp(-1.0, 1.0), mask

    def _seen(self, image: Tensor, mask: Tensor | None) -> Tensor:
        """What D looks at: the picture, with a mask that limits the edit also the region alone and the mask."""
        if self.shows_mask and mask is not None:
            image = torch.cat([image, image * mask, mask], 1)
        return diff_augment(image) if self.config.diff_augment else image

    def _focus(self, present: Tensor, wanted: Tensor, logits: Tensor) -> Tensor | float:
        """How much each patch `(N, 1, h, w)` of D_src counts: with `local`, as much of it as the edit may change.

        Most patches of a local edit are the photo's own, and would drown the few that tell it from a real picture.
        """
        if not self.config.local or not isinstance(self.generator, CompactGenerator | FlowGenerator):
            return 1.0
        height, width = logits.shape[2:]
        where = F.adaptive_avg_pool2d(self.generator.where(self._edit(present, wanted)), (height, width))
        each = where / where.mean((1, 2, 3), keepdim=True).clamp_min(1e-6)
        return each / each.mean().clamp_min(1e-6)

    def _source(self, seen: Tensor, labels: Tensor) -> Tensor:
        """One source logit a picture, `(N,)`."""
        logits: Tensor = self.discriminator(seen, labels)[0].mean((1, 2, 3))
        return logits

    def _edit(self, present: Tensor, wanted: Tensor) -> Tensor:
        return wanted if self.config.conditioning == "target" else wanted - present

    def _wanted(self, labels: Tensor) -> Tensor:
        return wanted_labels(labels, self.config.targets, self.hair)

    def _only_hair(self) -> bool:
        return only_exclusive(self.hair, len(self.config.attributes))

    def _named(self, labels: Tensor) -> Tensor:
        """Tell which labels `(N, K)` say what a face has: among exclusive hair colours, one of them."""
        return labels.sum(1) == 1 if self._only_hair() else torch.ones_like(labels[:, 0], dtype=torch.bool)

    def _classification(self, logits: Tensor, labels: Tensor, share: Tensor | float = 1.0) -> Tensor:
        """Cross-entropy among exclusive hair colours, else binary a label (summed over K, as published).

        Args:
            logits: `(N, K)`.
            labels: `(N, K)`, what is right.
            share: how much each picture counts, `(N,)`.
        """
        if self._only_hair():
            each = F.cross_entropy(logits, labels.argmax(1), reduction="none") * self._named(labels)
        else:
            each = F.binary_cross_entropy_with_logits(logits, labels, reduction="none").sum(1)
        return (each * share).mean()

    def _lr_factor(self) -> float:
        start = self.config.decay_from * self.config.steps
        return min(1.0, max(0.0, (self.config.steps - self.steps) / max(self.config.steps - start, 1.0)))

    def _to_device(self, batch: Batch) -> Batch:
        if batch.labels is None or (self.config.mask and batch.mask is None):
            raise ConfigError("stargan needs labels, and with mask=true masks: use --data celeba:DIR")
        return batch.to(self.device)

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return {**state_of(self, _PARTS), **self.bank.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        restore(self, state, _PARTS)
        self.bank.load_state_dict(state)

    def initialise(self, state: dict[str, Any]) -> None:
        """Start from the weights of another run, such as one at 64 px before 128."""
        for name in ("generator", "discriminator"):
            load_matching(getattr(self, name), state[name])
        self.ema = EMA(self.generator, self.config.ema_decay)

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """First row the pictures, then one row an attribute switched on (or off where the face has it)."""
        batch = self._to_device(batch)
        n = min(8, len(batch.image))
        image, labels = batch.image[:n], batch.require_labels()[:n]
        mask = None if batch.mask is None else batch.mask[:n]
        rows = [image]
        for k in range(len(self.config.attributes)):
            raw = self._raw(image, self._edit(labels, switched(labels, k, self.hair)), mask, self.ema.network)
            rows.append(self._rendered(raw, image, mask, self.ema.network)[0])
        return torch.cat([torch.cat(list(row), 2) for row in rows], 1).mul(0.5).add(0.5).clamp(0, 1).cpu()

    def graphs(self) -> dict[str, Graph]:
        """`translate`, and for the bilateral generator `guide`."""
        config = self.config
        example = {
            "image": torch.zeros(1, 3, config.size, config.size),
            "edit": torch.zeros(1, len(config.attributes)),
        }
        network = self.ema.network.eval().cpu()
        if isinstance(network, FlowGenerator):
            mask = torch.zeros(1, 1, config.size, config.size)
            return {"translate": Graph(network, {**example, "mask": mask}, ["fields"])}
        if not isinstance(network, BilateralGenerator):
            return {"translate": Graph(network, example, ["image_out"])}
        free = {2: "height", 3: "width"}
        return {
            "translate": Graph(network, example, ["grid"]),
            "guide": Graph(network.guide, {"image": example["image"]}, ["guide"], {"image": free, "guide": free}),
        }

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        config = self.config
        outputs = {"bilateral": "grid", "flow": "flow"}
        return {
            "kind": "translate",
            "title": "Hair colours" if self._only_hair() else "Face attributes: " + ", ".join(config.attributes),
            "crop": {"kind": config.crop, "height": config.size, "width": config.size},
            "attributes": config.attributes,
            "output": outputs.get(config.generator, "image"),
            "words": words_of(config.attributes),
            "conditioning": config.conditioning,
            "paper": "StarGAN, Choi et al. 2018, arXiv 1711.09020",
            "data_source": "CelebA, Liu et al. 2015",
            "licence": "weights: non-commercial research (terms of CelebA)",
        }


def _share(wanted: Tensor, shares: Sequence[float]) -> Tensor | float:
    """Return how much each picture counts, `(N,)`: the largest share of what it is asked for, `(N, K)`."""
    return (wanted * wanted.new_tensor(shares)).amax(1) if shares else 1.0
