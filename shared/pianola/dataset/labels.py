"""Labels of files: fields such as composer and genre, from folder names or from a table.

In a shard a label is a number: the place of its value among the field's values in order, -1 where a file has none.
"""

import csv
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Final

MOST_FIELDS: Final = 8
MOST_VALUES: Final = 1000
"""Different values of one field."""
LONGEST_VALUE: Final = 200
FIELD_RULE: Final = "a small letter, then small letters, digits and _, 32 at most, and not 'file'"
FILE_COLUMN: Final = "file"
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")

Vocabulary = dict[str, tuple[str, ...]]
"""The values of every field, in order; the fields are in order too."""


class BadLabels(ValueError):
    """Labels that cannot be used; `line` is the table's line, where there is one."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.line = line


def is_field(name: str) -> bool:
    """Whether labels can have a field of this name: FIELD_RULE says which."""
    return _FIELD.fullmatch(name) is not None and name != FILE_COLUMN


def folder_labels(name: str, fields: tuple[str, ...]) -> dict[str, str]:
    """The labels that a file's folders give: its first folder is the first field's value, and so on.

    `name` is the file's in the dataset, with / between folders. A file in fewer folders has fewer labels.
    """
    folders = [folder.strip()[:LONGEST_VALUE].rstrip() for folder in name.split("/")[:-1]]
    return {field: folder for field, folder in zip(fields, folders, strict=False) if folder}


def read_label_csv(text: str) -> dict[str, dict[str, str]]:
    """Labels by file name from a table with commas: a column `file`, and every other column is a field.

    Names of columns are taken in small letters, with _ for spaces. An empty cell is no label; empty lines are passed
    over. Raises BadLabels with the line, counted from 1.
    """
    reader = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    labels: dict[str, dict[str, str]] = {}
    lines: dict[str, int] = {}
    values: dict[str, set[str]] = {}
    fields: list[str] | None = None
    try:
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if fields is None:
                fields = _columns(cells, line)
                values = {field: set() for field in fields if field != FILE_COLUMN}
                continue
            name, labels_of_file = _row(cells, fields, line)
            if name in labels:
                raise BadLabels(f"the file {name!r} has labels on line {lines[name]} already", line)
            for field, value in labels_of_file.items():
                values[field].add(value)
                if len(values[field]) > MOST_VALUES:
                    raise _too_many_values(field, line)
            labels[name], lines[name] = labels_of_file, line
    except csv.Error as error:
        raise BadLabels(f"this is not a table with commas between its columns: {error}", reader.line_num) from error
    if fields is None:
        raise BadLabels("the table is empty: it begins with a line of columns, such as file,composer", 1)
    return labels


def vocabulary(labels: Iterable[Mapping[str, str]]) -> Vocabulary:
    """The values of every field, fields and values in code-point order. Raises BadLabels beyond the limits."""
    values: dict[str, set[str]] = {}
    for each in labels:
        for field, value in each.items():
            found = values.setdefault(field, set())
            found.add(value)
            if len(found) > MOST_VALUES:
                raise _too_many_values(field)
            if len(values) > MOST_FIELDS:
                raise _too_many_fields(len(values))
    return {field: tuple(sorted(values[field])) for field in sorted(values)}


def label_numbers(labels: Mapping[str, str], known: Mapping[str, tuple[str, ...]]) -> tuple[int, ...]:
    """A file's labels as numbers, one for each field of the vocabulary in order; -1 where it has none.

    Raises BadLabels for a value that the vocabulary does not have.
    """
    return tuple(_number(field, labels.get(field), known[field]) for field in sorted(known))


def _columns(cells: list[str], line: int) -> list[str]:
    """The columns' names as they are used."""
    names = ["_".join(cell.lower().split()) for cell in cells]
    if FILE_COLUMN not in names:
        raise BadLabels(f"one of the columns must be 'file', with commas between them; here are {cells}", line)
    for name, cell in zip(names, cells, strict=True):
        if names.count(name) > 1:
            raise BadLabels(f"there are two columns {cell!r}", line)
        if name != FILE_COLUMN and not is_field(name):
            raise BadLabels(f"the column {cell!r} cannot be a field: its name is {FIELD_RULE}", line)
    if len(names) == 1:
        raise BadLabels("beside 'file' there is no column: each other one is a field, such as composer", line)
    if len(names) - 1 > MOST_FIELDS:
        raise _too_many_fields(len(names) - 1, line)
    return names


def _row(cells: list[str], columns: list[str], line: int) -> tuple[str, dict[str, str]]:
    """The file's name and its labels."""
    if len(cells) != len(columns):
        raise BadLabels(f"there are {len(cells)} cells, and {len(columns)} columns: a comma within a cell?", line)
    row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True) if cell.strip()}
    name = row.pop(FILE_COLUMN, None)
    if name is None:
        raise BadLabels("the file's name is missing", line)
    for field, value in row.items():
        if len(value) > LONGEST_VALUE:
            raise BadLabels(f"{field!r} has {len(value)} characters; the most is {LONGEST_VALUE}", line)
    return name, row


def _number(field: str, value: str | None, values: tuple[str, ...]) -> int:
    if value is None:
        return -1
    place = bisect_left(values, value)
    if place == len(values) or values[place] != value:
        raise BadLabels(f"{field!r} has no value {value!r} in this dataset's vocabulary")
    return place


def _too_many_values(field: str, line: int | None = None) -> BadLabels:
    return BadLabels(
        f"{field!r} has more than {MOST_VALUES:,} different values: a label names a group of files, not each one", line
    )


def _too_many_fields(found: int, line: int | None = None) -> BadLabels:
    return BadLabels(f"{found} fields of labels are more than {MOST_FIELDS}", line)
