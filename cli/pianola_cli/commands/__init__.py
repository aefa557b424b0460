"""The commands of `pianola`, one module per subject."""
