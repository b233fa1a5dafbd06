"""Measured on bodies."""
