"""The `gan` family; its record is `pianola.models.families.gan`."""
