"""The client's half for datasets: files, labels, imports, builds, and what is in them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from pianola_cli.client import events
from pianola_cli.client.problems import ApiProblem, NoAnswer, StillGoing
from pianola_cli.client.requests import POLL_S, Requests, part
from pianola_cli.client.resources.datasets import (
    Building,
    Dataset,
    DatasetFile,
    Import,
    LabelReport,
    Recipe,
    UploadReport,
)
from pianola_cli.client.resources.resource import Resource
from pianola_cli.client.resources.runs import Event
from pianola_cli.client.transport import COME_BACK_LATER
from pianola_cli.files import batches, find_files

# What a file is, the server finds out by its name and its bytes.
_MEDIA_TYPE = "application/octet-stream"


class Datasets(Requests):
    """What a server does with datasets. A dataset is named by id, by name (its newest version) or as name@2."""

    def create_dataset(self, name: str, preset: str | None = None, options: Mapping[str, Any] | None = None) -> Dataset:
        """A new, empty dataset that is read with `preset`'s options, changed by `options`.

        >>> pianola.create_dataset("waltzes", options={"metres": ["3/4"], "held_out": 0.1})
        """
        return self._post(
            Dataset, "/v1/datasets", {"name": name, "preset": preset, "options": dict(options or {}) or None}
        )

    def datasets(self, name: str | None = None) -> Iterator[Dataset]:
        """All datasets, newest first, or the versions of the one called `name`.

        >>> [dataset.version for dataset in pianola.datasets(name="waltzes")]
        [2, 1]
        """
        return self._items(Dataset, "/v1/datasets", name=name)

    def dataset(self, dataset: str) -> Dataset:
        """A dataset by id or name.

        >>> pianola.dataset("waltzes@1").digest
        """
        return self._get(Dataset, _path(dataset))

    def upload(
        self, dataset: str, paths: Iterable[Path], told: Callable[[int, int], None] | None = None
    ) -> UploadReport:
        """Add the MIDI files and archives of `paths` (files or folders) to a dataset, many in each request.

        A built dataset never changes: its next version takes them, and the report says which. `told(done, of)` is
        called with numbers of files after each request. Raises NothingToRead.

        >>> pianola.upload("waltzes", [Path("midi/"), Path("more.zip")]).added
        """
        path = _path(dataset, "files")
        files = find_files(paths)
        report = UploadReport()
        done = 0
        for batch in batches(files):
            with ExitStack() as opened:
                parts = [
                    ("files", (file.name, opened.enter_context(file.path.open("rb")), _MEDIA_TYPE)) for file in batch
                ]
                response = self._transport.send("POST", path, files=parts)
            report = report.plus(self._read(UploadReport, path, response))
            done += len(batch)
            if told:
                told(done, len(files))
        return report

    def label(self, dataset: str, csv: str) -> LabelReport:
        """Label files from CSV text: a column `file` with their names, and a column for each field.

        >>> pianola.label("waltzes", "file,composer\\na.mid,Strauss\\n").labelled
        """
        path = _path(dataset, "labels")
        response = self._transport.send("PUT", path, text=(csv, "text/csv; charset=utf-8"))
        return self._read(LabelReport, path, response)

    def dataset_files(self, dataset: str, verdict: str | None = None) -> Iterator[DatasetFile]:
        """The report: every file of a dataset, or those with `verdict` "accepted" or "refused"."""
        return self._items(DatasetFile, _path(dataset, "files"), verdict=verdict)

    # imports

    def recipes(self) -> list[Recipe]:
        """Well-known sets of MIDI files that the server can fetch.

        >>> [(recipe.name, recipe.licence) for recipe in pianola.recipes()]
        """
        return self._get(_Recipes, "/v1/recipes").items

    def import_url(self, dataset: str, url: str, sha256: str) -> Import:
        """Let the server fetch a MIDI file or an archive (zip, tar, tar.gz) whose content has this sha256.

        >>> started = pianola.import_url("waltzes", "https://example.org/waltzes.zip", sha256="9f86...")
        """
        return self._import(dataset, {"kind": "url", "url": url, "sha256": sha256})

    def import_s3(self, dataset: str, bucket: str, prefix: str = "") -> Import:
        """Let the server fetch what lies below a prefix of an S3 bucket that it may read.

        >>> pianola.import_s3("waltzes", "scores", "vienna/")
        """
        return self._import(dataset, {"kind": "s3", "bucket": bucket, "prefix": prefix})

    def import_recipe(self, dataset: str, recipe: str, accept_licence: bool) -> Import:
        """Let the server fetch a well-known set; `accept_licence` says that you accept the recipe's licence.

        >>> pianola.import_recipe("nottingham", "nottingham", accept_licence=True)
        """
        return self._import(dataset, {"kind": "recipe", "recipe": recipe, "accept_licence": accept_licence})

    def imports(self, dataset: str) -> Iterator[Import]:
        """A dataset's imports, newest first."""
        return self._items(Import, _path(dataset, "imports"))

    def dataset_import(self, dataset: str, import_id: str) -> Import:
        """An import of a dataset."""
        return self._get(Import, _path(dataset, "imports", import_id))

    def wait_for_import(
        self, dataset: str, import_id: str, seconds: float = math.inf, told: Callable[[Import], None] | None = None
    ) -> Import:
        """The import once it has succeeded or failed; `told` sees it in between. Raises StillGoing after `seconds`.

        >>> pianola.wait_for_import(started.dataset_id, started.id).files_added
        """
        deadline = time.monotonic() + seconds
        while True:
            current = self.dataset_import(dataset, import_id)
            if told:
                told(current)
            if current.ended:
                return current
            if time.monotonic() > deadline:
                raise StillGoing(f"import {import_id}", current.state, seconds)
            time.sleep(POLL_S)

    # builds

    def build(self, dataset: str) -> Dataset:
        """Ask for a dataset to be built; the answer is the dataset while it builds."""
        return self._post(Dataset, _path(dataset, "build"))

    def dataset_events(self, dataset: str, after: int = 0) -> Iterator[Event]:
        """What happens to a dataset, from event number `after` + 1 on, until it is built or failed.

        Between events come those of kind "progress", without a number: see Building.
        """
        return events.follow(self._transport, _path(dataset, "events"), after)

    def wait_for_dataset(
        self, dataset: str, seconds: float = 3600, told: Callable[[Building], None] | None = None
    ) -> Dataset:
        """The dataset once it is built or failed; `told` sees how far it is. Raises StillGoing after `seconds`.

        Progress comes as events; where the server keeps no stream open, it is asked for instead.

        >>> pianola.build("waltzes")
        >>> pianola.wait_for_dataset("waltzes", told=lambda building: print(building.files_done))
        """
        tell = told or (lambda _: None)
        deadline = time.monotonic() + seconds
        current = self.dataset(dataset)
        tell(Building.of(current))
        # By id: a name would mean another version, should one be made meanwhile.
        if current.state == "building":
            self._follow_build(current.id, deadline, tell)
        while (current := self.dataset(current.id)).state == "building":
            tell(Building.of(current))
            if time.monotonic() > deadline:
                raise StillGoing(f"dataset {current.name}", current.state, seconds)
            time.sleep(POLL_S)
        tell(Building.of(current))
        return current

    def _follow_build(self, dataset_id: str, deadline: float, told: Callable[[Building], None]) -> None:
        """Tell the progress of a build until it ends, `deadline` comes, or there is no stream to follow."""
        path = _path(dataset_id, "events")
        try:
            for event in events.follow(self._transport, path, 0, deadline=deadline, tries=1):
                if event.kind == "progress":
                    told(self._as(Building, path, event.data))
        except NoAnswer:
            return
        except ApiProblem as problem:
            if problem.status not in COME_BACK_LATER:
                raise

    # what is in them

    def statistics(self, dataset: str) -> dict[str, Any]:
        """What a built dataset's windows hold, as the server counted it: pitches, density, metres, labels and more.

        >>> pianola.statistics("waltzes")["pitch_range"]
        """
        return self._get(_Document, _path(dataset, "statistics")).model_dump()

    def contact_sheet(self, dataset: str) -> bytes:
        """A built dataset's contact sheet: a PNG of windows spread over all of it.

        >>> Path("waltzes.png").write_bytes(pianola.contact_sheet("waltzes"))
        """
        return self._bytes(_path(dataset, "contact-sheet"))

    def _import(self, dataset: str, source: Mapping[str, Any]) -> Import:
        return self._post(Import, _path(dataset, "imports"), source)


class _Document(Resource):
    model_config = ConfigDict(frozen=True, extra="allow")


class _Recipes(Resource):
    items: list[Recipe]


def _path(dataset: str, *parts: str) -> str:
    return "/".join(["/v1/datasets", part(dataset), *(part(one) for one in parts)])
