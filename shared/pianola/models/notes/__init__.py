"""A decoder that writes notes, and all that is done with it."""
