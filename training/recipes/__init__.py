"""Recipes: how each bundled model was trained, as data. One TOML file a model; `recipe` reads and runs them."""
