"""Training methods: one file each. The id is the file's name; `training.method.METHODS` lists them."""
