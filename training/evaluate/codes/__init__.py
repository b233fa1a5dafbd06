"""Measures of latent codes."""
