import pytest

from pianola.dataset.labels import BadLabels, folder_labels, label_numbers, read_label_csv, vocabulary


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("baroque/Bach/fugues/1.mid", {"genre": "baroque", "composer": "Bach"}),
        ("baroque/1.mid", {"genre": "baroque"}),
        ("1.mid", {}),
        (" baroque / Bach /1.mid", {"genre": "baroque", "composer": "Bach"}),
        (" /Bach/1.mid", {"composer": "Bach"}),
    ],
)
def test_folders_are_labels_from_the_outside_in(name: str, labels: dict[str, str]) -> None:
    assert folder_labels(name, ("genre", "composer")) == labels


def test_a_folder_with_a_long_name_is_cut() -> None:
    assert folder_labels(f"{'x' * 300}/1.mid", ("genre",)) == {"genre": "x" * 200}


def test_a_table_gives_each_file_its_labels() -> None:
    text = '\ufeffFile, Composer ,Year Written\r\n"a, b.mid",Bach,1720\r\n\r\nc.mid,,1802\r\nd.mid,"Čapek, K.",\r\n'
    assert read_label_csv(text) == {
        "a, b.mid": {"composer": "Bach", "year_written": "1720"},
        "c.mid": {"year_written": "1802"},
        "d.mid": {"composer": "Čapek, K."},
    }


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "the table is empty"),
        ("\n\nname,composer\n", 3, "one of the columns must be 'file'"),
        ("file;composer\na.mid;Bach\n", 1, "one of the columns must be 'file', with commas between them"),
        ("file\na.mid\n", 1, "beside 'file' there is no column"),
        ("file,composer,Composer\n", 1, "there are two columns"),
        ("file,1st\n", 1, "the column '1st' cannot be a field"),
        ("file," + ",".join(f"f{number}" for number in range(9)), 1, "9 fields of labels are more than 8"),
        ("file,composer\na.mid,Bach\nb.mid,Bach,1720\n", 3, "there are 3 cells, and 2 columns"),
        ("file,composer\n,Bach\n", 2, "the file's name is missing"),
        ("file,composer\na.mid,Bach\nb.mid,Haydn\na.mid,Bach\n", 4, "'a.mid' has labels on line 2 already"),
        (f"file,composer\na.mid,{'x' * 201}\n", 2, "'composer' has 201 characters; the most is 200"),
        ('file,composer\na.mid,"Bach\n', 2, "this is not a table"),
        ('file,composer\na.mid,"Ba"ch"\n', 2, "this is not a table"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(BadLabels, match=f"^line {line}: ") as refused:
        read_label_csv(text)
    assert refused.value.line == line
    assert said in str(refused.value)


def test_a_field_that_names_every_file_is_refused() -> None:
    rows = "".join(f"{number}.mid,title {number}\n" for number in range(1001))
    assert len(read_label_csv(f"file,title\n{rows}".rpartition("1000.mid")[0])) == 1000
    with pytest.raises(BadLabels, match=r"^line 1002: 'title' has more than 1,000 different values"):
        read_label_csv(f"file,title\n{rows}")
    with pytest.raises(BadLabels, match=r"^'title' has more than 1,000"):
        vocabulary({"title": f"title {number}"} for number in range(1001))


def test_a_vocabulary_is_in_order_whatever_order_the_files_have() -> None:
    labels = [{"genre": "waltz"}, {"composer": "Haydn", "genre": "fugue"}, {}, {"composer": "Bach"}]
    found = vocabulary(labels)
    assert found == vocabulary(reversed(labels)) == {"composer": ("Bach", "Haydn"), "genre": ("fugue", "waltz")}
    assert list(found) == ["composer", "genre"]
    assert [label_numbers(each, found) for each in labels] == [(-1, 1), (1, 0), (-1, -1), (0, -1)]


def test_a_value_that_is_not_in_the_vocabulary_has_no_number() -> None:
    with pytest.raises(BadLabels, match="'composer' has no value 'Čapek'"):
        label_numbers({"composer": "Čapek"}, {"composer": ("Bach", "Haydn")})


def test_more_fields_than_there_may_be_are_refused() -> None:
    with pytest.raises(BadLabels, match="9 fields of labels are more than 8"):
        vocabulary([{f"field{number}": "x"} for number in range(9)])
