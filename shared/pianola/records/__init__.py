"""Records: tables, the run state machine, queries by aggregate, migrations."""

from pianola.records.open import Records, open_records

__all__ = ["Records", "open_records"]
