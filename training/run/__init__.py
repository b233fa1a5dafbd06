"""One training: settings, loop, checkpoints, record, device."""
