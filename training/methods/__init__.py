"""Training methods: one file each. The id is the file's name."""

from __future__ import annotations

METHODS = {
    "attribute_classifier": "training.methods.attribute_classifier",
    "cycle_vae": "training.methods.cycle_vae",
    "digit_classifier": "training.methods.digit_classifier",
    "face_parser": "training.methods.face_parser",
    "gan": "training.methods.gan",
    "hair_classifier": "training.methods.hair_classifier",
    "mathieu": "training.methods.mathieu",
    "md_gan": "training.methods.md_gan",
    "pixel_vae": "training.methods.pixel_vae",
    "stargan": "training.methods.stargan",
    "szabo": "training.methods.szabo",
    "unrolled_gan": "training.methods.unrolled_gan",
    "vae": "training.methods.vae",
    "wgan": "training.methods.wgan",
    "wgan_gp": "training.methods.wgan_gp",
}
