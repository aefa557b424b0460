"""What the page does with a model that plays, for the journey that has trained one."""

from pathlib import Path

from playwright.sync_api import Page, expect

from pianola.codec.reader import read_midi


def a_piece_of_a_seed(page: Page) -> None:
    """Objected to where it is too long, played from its roll, the same again from its address, and taken away whole."""
    piece = page.get_by_role("article", name="Piece", exact=True)
    page.get_by_label("Seed", exact=True).fill("1")
    page.get_by_label("Beats").fill("1000")
    page.get_by_role("button", name="Piece of this seed").click()
    expect(page.get_by_label("Beats")).to_be_focused()
    expect(page.get_by_label("Beats")).to_have_attribute("aria-invalid", "true")
    expect(piece).to_have_count(0)
    page.get_by_label("Beats").fill("32")
    page.get_by_label("Drift").fill("0.25")
    with page.expect_response("**/pieces") as answered:
        page.get_by_role("button", name="Piece of this seed").click()
    told = answered.value.json()
    assert (told["seed"], told["n"], told["options"]["drift"]) == (1, 4, 0.25)
    expect(piece).to_have_count(1)
    with page.expect_response("**/pieces") as again:
        page.reload()
    assert again.value.json()["id"] == told["id"], "the address is the music"
    expect(page.get_by_label("Beats")).to_have_value("32")
    expect(page.get_by_role("article")).to_have_count(1)
    with page.expect_download() as download:
        piece.get_by_role("button", name="as MIDI").click()
    taken = Path(download.value.path()).read_bytes()
    assert read_midi(taken).strikes.sum() == sum(len(window["notes"]) for window in told["windows"])


def something_like_a_song(page: Page, song: Path, broken: Path) -> None:
    """A file that is no music is refused in words; a song comes back varied, from its address too, without the file."""
    song_of = page.get_by_label("MIDI file", exact=True)
    ask = page.get_by_role("button", name="Variations of this seed")
    ask.click()
    expect(song_of).to_have_accessible_description("Choose a MIDI file first.")
    song_of.set_input_files(broken)
    ask.click()
    expect(song_of).to_have_attribute("aria-invalid", "true")
    expect(song_of).to_be_focused()
    song_of.set_input_files(song)
    page.get_by_label("How far from it").fill("0.2")
    page.get_by_label("Windows of it").fill("2")
    page.get_by_label("How many").select_option("2")
    with page.expect_response("**/variations") as answered:
        ask.click()
    told = answered.value.json()
    assert (told["n"], told["options"]["strength"], told["source"]["name"]) == (4, 0.2, song.name)
    names = ["Variation 1, window 1", "Variation 1, window 2", "Variation 2, window 1", "Variation 2, window 2"]
    for name in names:
        expect(page.get_by_role("article", name=name, exact=True)).to_have_count(1)
    expect(song_of).to_have_attribute("aria-invalid", "false")
    with page.expect_response("**/v1/samples/*") as again:
        page.reload()
    assert again.value.json()["windows"] == told["windows"], "the address is the music"
    expect(page.locator("#sample-about")).to_contain_text(f"2 variations on {song.name}, strength 0.2")
    page.get_by_label("Snap to").select_option("C major")
    expect(page.get_by_role("alert")).to_contain_text("Choose its file again")
    page.get_by_label("Snap to").select_option("")
    song_of.set_input_files(song)
    page.get_by_label("How far from it").fill("0")
    page.get_by_label("How many").select_option("1")
    with page.expect_response("**/variations") as one:
        ask.click()
    itself = page.get_by_role("article", name="Variation", exact=True)
    expect(itself).to_have_count(1)
    with page.expect_download() as download:
        itself.get_by_role("button", name="as MIDI").click()
    taken = Path(download.value.path()).read_bytes()
    assert read_midi(taken).strikes.sum() == sum(len(window["notes"]) for window in one.value.json()["windows"])


def what_the_model_makes_of_a_song(page: Page, song: Path) -> None:
    """As long as the song's windows, the same from its address without the file, and taken away whole."""
    again = page.get_by_role("article", name="Reconstruction", exact=True)
    page.get_by_label("MIDI file", exact=True).set_input_files(song)
    page.get_by_label("Windows of it").fill("3")
    with page.expect_response("**/reconstructions") as answered:
        page.get_by_role("button", name="What the model makes of it").click()
    told = answered.value.json()
    assert (told["n"], told["source"]["name"], told["source"]["windows"]) == (3, song.name, 3)
    expect(again).to_have_count(1)
    with page.expect_response("**/v1/samples/*") as kept:
        page.reload()
    assert kept.value.json()["windows"] == told["windows"], "the address is the music"
    expect(page.locator("#sample-about")).to_contain_text(f"What the model makes of {song.name}")
    original = page.get_by_role("article", name="Original", exact=True)
    expect(original).to_contain_text(f"{len(told['source']['notes'])} notes")
    expect(original.get_by_role("button")).to_have_accessible_name("Play Original")
    with page.expect_download() as download:
        again.get_by_role("button", name="as MIDI").click()
    assert download.value.suggested_filename.endswith("-reconstruction.mid")
    taken = Path(download.value.path()).read_bytes()
    assert read_midi(taken).strikes.sum() == sum(len(window["notes"]) for window in told["windows"])


def what_the_model_makes_of_what_it_drew(page: Page) -> None:
    """Of the second window shown; asked for otherwise from its address, since a sample, unlike a file, is kept."""
    page.get_by_label("Seed", exact=True).fill("1")
    with page.expect_response("**/samples") as drawn:
        page.get_by_role("button", name="Draw this seed").click()
    shown = drawn.value.json()
    page.get_by_label("Something like", exact=True).select_option("the music shown")
    expect(page.get_by_label("MIDI file", exact=True)).to_be_hidden()
    page.get_by_label("From window").fill("2")
    page.get_by_label("Windows of it").fill("1")
    with page.expect_response("**/reconstructions") as answered:
        page.get_by_role("button", name="What the model makes of it").click()
    told = answered.value.json()
    assert (told["n"], told["source"]["sample"], told["source"]["window"]) == (1, shown["id"], 1)
    expect(page.get_by_role("article")).to_have_count(2)
    page.reload()
    expect(page.get_by_role("article")).to_have_count(2)
    with page.expect_response("**/reconstructions") as again:
        page.get_by_label("Snap to").select_option("C major")
    assert again.value.json()["source"] == told["source"]
    with page.expect_response("**/reconstructions") as plain:
        page.get_by_label("Snap to").select_option("")
    assert plain.value.json()["id"] == told["id"]


def denser_music_of_a_seed(page: Page) -> None:
    """A direction of the model is a slider; what it moves is heard, told, and kept in the address."""
    page.get_by_label("Seed", exact=True).fill("1")
    with page.expect_response("**/samples") as plain:
        page.get_by_role("button", name="Draw this seed").click()
    unmoved = plain.value.json()
    with page.expect_response("**/vectors") as answered:
        page.get_by_text("Denser, higher, longer").click()
    sliders = page.get_by_role("group", name="Denser, higher, longer")
    names = [vector["name"] for vector in answered.value.json()["vectors"]]
    expect(sliders.get_by_role("slider")).to_have_count(len(names))
    first = sliders.get_by_role("slider").first
    with page.expect_response("**/samples") as moved:
        first.fill("2")
    told = moved.value.json()
    assert told["options"]["attributes"] == {names[0]: 2}
    assert [one["z"] for one in told["windows"]] != [one["z"] for one in unmoved["windows"]]
    expect(page.locator("#sample-about")).to_contain_text(f", {names[0]} +2")
    with page.expect_response("**/samples") as again:
        page.reload()
    assert again.value.json()["id"] == told["id"], "the address is the music"
    expect(first).to_have_value("2")
    with page.expect_response("**/samples") as back:
        page.get_by_role("button", name="Back to the middle").click()
    assert back.value.json()["id"] == unmoved["id"]


def the_map(page: Page) -> None:
    """Asked for when it is opened; a window is named and played at its own place, and so is any place between."""
    with page.expect_response("**/map") as answered:
        page.get_by_text("Map of its music").click()
    told = answered.value.json()
    area = page.get_by_role("img", name="Where its music lies")
    expect(area.locator("circle.map-tint")).to_have_count(len(told["windows"]))
    shown = page.get_by_role("figure").filter(has=area)
    assert set(shown.get_by_role("listitem").all_inner_texts()) == {point["label"] for point in told["windows"]}
    area.focus()
    page.keyboard.press("Home")
    first = min(told["windows"], key=lambda point: point["x"])
    expect(shown).to_contain_text(f"{first['file']}, window {first['window'] + 1}, composer {first['label']}")
    with page.expect_response("**/samples") as played:
        page.keyboard.press("Enter")
    assert played.value.request.post_data_json["at"] == [[round(first["x"], 4), round(first["y"], 4)]]
    expect(page.get_by_role("article")).to_have_count(1)
    with page.expect_response("**/samples") as elsewhere:
        area.click(position={"x": 3, "y": 3})
    expect(page.get_by_label("Seed", exact=True)).to_have_value("")
    there = elsewhere.value.json()["id"]
    assert there != played.value.json()["id"]
    with page.expect_response("**/samples") as again:
        page.reload()
    assert again.value.json()["id"] == there, "the address is the music"
    expect(area).to_be_visible()
