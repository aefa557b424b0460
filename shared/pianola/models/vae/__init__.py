"""The `vae` family; its record is `pianola.models.families.vae`."""
