"""Models: what a model folder says, which are here, the hub, and one way from a model to a session."""
