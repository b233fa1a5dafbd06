"""Measures of edited faces and of what recognises them."""
