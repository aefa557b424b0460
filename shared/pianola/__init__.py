"""What every Pianola service speaks: codec, models, evaluation, records, objects, queue and settings."""
