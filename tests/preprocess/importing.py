"""A dataset, and imports into it."""

import hashlib
from typing import Any

from packing import MIDI
from sqlalchemy import text

from pianola.records import datasets, imports
from pianola.records.tables import Import, Json
from pianola.settings import PreprocessSettings
from pianola_preprocess.importing import run_import
from pianola_preprocess.importing.download import Web
from pianola_preprocess.importing.retrying import Patience

from .building import Workshop


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Importer:
    """A dataset, and imports into it."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.dataset_id = workshop.upload("set", {})
        self.pauses: list[float] = []

    def settings(self, **changed: Any) -> PreprocessSettings:
        base = {"import_private": True, "spool": self.workshop.folder / "spool"}
        return self.workshop.settings().model_copy(update=base | changed)

    def ask(self, source: Json) -> str:
        with self.workshop.records.write() as session:
            return imports.create(session, self.dataset_id, source).id

    def run(self, source: Json, store: Any = None, **changed: Any) -> Import:
        """The import, once it has ended."""
        import_id = self.ask(source)
        settings = self.settings(**changed)
        web = Web(settings.import_private, settings.import_max_bytes, Patience(pause=self.pauses.append))
        run_import(self.workshop.records, store or self.workshop.store, settings, import_id, web)
        return self.row(import_id)

    def url(self, url: str, data: bytes, **changed: Any) -> Import:
        return self.run({"kind": "url", "url": url, "sha256": sha256(data)}, **changed)

    def row(self, import_id: str) -> Import:
        with self.workshop.records.read() as session:
            return imports.get(session, import_id)

    def names(self) -> list[str]:
        with self.workshop.records.read() as session:
            return [file.name for file in datasets.files_page(session, self.dataset_id, 1000, None).rows]

    def events(self) -> list[str]:
        with self.workshop.records.read() as session:
            query = text("SELECT kind FROM events WHERE subject_id = :id ORDER BY number")
            return list(session.scalars(query, {"id": self.dataset_id}))


ARCHIVE = {"one/a.mid": MIDI, "one/b.mid": MIDI + b"2", "one/notes.txt": b"x"}
