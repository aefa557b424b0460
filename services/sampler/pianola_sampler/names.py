"""What names meant last, so that not every request asks the records before it draws."""

from __future__ import annotations

from typing import Final

from pianola.records import Records, models
from pianola.records.samples import Recipe
from pianola.records.tables import Checkpoint

_MOST_HELD: Final = 1_000


class Moved(LookupError):
    """A name that means another checkpoint by now, or none."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} was moved meanwhile")
        self.name = name


class Names:
    """Remembers what names meant. What was drawn by one is kept only where it means the same still: see Keeper."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._last: dict[str, Checkpoint] = {}

    def checkpoint(self, name: str) -> Checkpoint:
        """What a model's name meant last, else what it means; or the checkpoint with that digest. Raises NotFound."""
        return self._last.get(name) or self._looked_up(name)

    def moved(self, name: str, before: Checkpoint) -> bool:
        """Whether it means another checkpoint than before. Raises NotFound."""
        return self._looked_up(name).id != before.id

    def _looked_up(self, name: str) -> Checkpoint:
        self._last.pop(name, None)
        with self._records.read() as session:
            _, found = models.checkpoint_to_serve(session, name)
        if len(self._last) >= _MOST_HELD:
            self._last.clear()
        self._last[name] = found
        return found


def may_move(recipe: Recipe, checkpoint: Checkpoint) -> bool:
    """Whether it was asked for by a name; a digest always means the same."""
    return recipe.model not in (checkpoint.digest, checkpoint.generator_digest)
