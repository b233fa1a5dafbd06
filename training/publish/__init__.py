"""From a run to a model folder: export, its card, credit, and back."""
