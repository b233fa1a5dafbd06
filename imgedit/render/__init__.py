"""Changes, and how each is carried out on the photo's own pixels."""
