"""What a photo shows: faces, their geometry, parsed classes, hair, and the subject that holds them."""
