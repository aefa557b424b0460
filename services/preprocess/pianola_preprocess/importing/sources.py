"""Where files come from: an address on the web, a recipe's archive, a prefix in an S3 bucket."""

from collections.abc import Generator, Mapping
from pathlib import PurePosixPath
from typing import IO, Final
from urllib.parse import unquote, urlsplit

from pianola.intake.collect import Intake, Place, opens
from pianola.intake.entries import Skipped, Unread
from pianola.intake.names import is_midi
from pianola.intake.recipes import find_recipe
from pianola.records.datasets import NewFile
from pianola.settings import PreprocessSettings
from pianola_preprocess.importing.bucket import bucket_files
from pianola_preprocess.importing.download import Report, Web
from pianola_preprocess.importing.errors import ArchiveUnread, BadSource, NoMusic
from pianola_preprocess.importing.spool import pieces, spooled

# The first bytes of a zip (APPNOTE 4.3.7, of an empty one 4.3.16), of gzip (RFC 1952), of MIDI by itself and in RIFF.
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP: Final = b"\x1f\x8b"
_MIDI: Final = (b"MThd", b"RIFF")
_USTAR, _USTAR_AT = b"ustar", 257


def source_files(
    source: Mapping[str, object], intake: Intake, settings: PreprocessSettings, web: Web, report: Report
) -> Generator[NewFile | Skipped, None, None]:
    """The files of `source`, kept by `intake` one after another.

    Raises ImportFailed, UnknownRecipe, LicenceNotAccepted, StoreUnavailable and what `report` raises.
    """
    match source:
        case {"kind": "url", "url": str(url), "sha256": str(sha256)}:
            return _web_files(url, sha256, str, intake, settings, web, report)
        case {"kind": "recipe", "recipe": str(name)}:
            recipe = find_recipe(name, source.get("accept_licence") is True)
            return _web_files(recipe.url, recipe.sha256, recipe.place, intake, settings, web, report)
        case {"kind": "s3", "bucket": str(bucket), "prefix": str(prefix)}:
            return bucket_files(bucket, prefix, intake, settings, web.patience, report)
        case _:
            raise BadSource(
                f"{dict(source)!r} is not a source: give kind url with url and sha256, kind s3 with bucket and prefix, "
                "or kind recipe with recipe and accept_licence"
            )


def _web_files(
    url: str, sha256: str, place: Place, intake: Intake, settings: PreprocessSettings, web: Web, report: Report
) -> Generator[NewFile | Skipped, None, None]:
    with spooled(settings.spool) as spool:
        came_from = web.download(url, sha256, spool, report)
        name = _archive_name(came_from, spool)
        if name is None:
            yield _single(came_from, intake, spool)
            return
        for entry in intake.archive(name, spool, place):
            if isinstance(entry, Unread):
                raise ArchiveUnread(f"{entry.name}: {entry.reason}")
            yield entry


def _archive_name(came_from: str, spool: IO[bytes]) -> str | None:
    """The archive's name, with the ending of what it is; None where it is none."""
    name = _last_part(came_from)
    if opens(name):
        return name
    head = _head(spool)
    if head.startswith(_ZIP):
        return f"{name}.zip"
    if head.startswith(_GZIP) or head[_USTAR_AT:].startswith(_USTAR):
        return f"{name}.tar"
    return None


def _single(came_from: str, intake: Intake, spool: IO[bytes]) -> NewFile | Skipped:
    name, head = _last_part(came_from), _head(spool)
    if not head.startswith(_MIDI) and not is_midi(name):
        raise NoMusic(
            f"what lies there is no zip, tar or MIDI file, it begins with {head[:16]!r}: give the file's own address"
        )
    entry = intake.file(name if is_midi(name) else f"{name}.mid", pieces(spool))
    assert entry is not None  # only a file in a folder is passed over
    return entry


def _head(spool: IO[bytes]) -> bytes:
    spool.seek(0)
    return spool.read(_USTAR_AT + len(_USTAR))


def _last_part(url: str) -> str:
    parts = urlsplit(url)
    return PurePosixPath(unquote(parts.path)).name or parts.netloc
