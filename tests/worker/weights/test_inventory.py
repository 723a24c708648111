"""worker/weights/inventory.py: what counts as ours, and how much of it is here."""

import os
from pathlib import Path

import pytest

from tests.worker.weights.a_store import bytes_of, entry, hold, hold_eyes, pinned
from worker.weights.checksum import remember, write_json
from worker.weights.inventory import look


def test_nothing_is_in_a_store_that_is_not_there(tmp_path: Path) -> None:
    assert look(tmp_path / "none").bytes == 0 and look(tmp_path).every == ()


def test_a_model_a_split_one_a_pipeline_and_a_projector_are_seen_whole(tmp_path: Path) -> None:
    one = entry("one", projector="mmproj.gguf")
    parts = entry("big", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf")
    pictures = entry("z", "model_index.json", "unet/weights.safetensors", pipeline=True)
    pins = {hold(tmp_path, one, 100, 5.0), hold_eyes(tmp_path, one, 30)}
    pins |= {hold(tmp_path, parts, 200), hold(tmp_path, pictures, 50)}
    found = look(tmp_path)
    assert {item.pin for item in found.items} == pins and found.leftovers == ()
    assert sorted(item.bytes for item in found.items) == [30, 100, 100, 400] and found.bytes == 630
    assert not any(item.missing_bytes for item in found.items)
    (mine,) = (item for item in found.items if item.pin == one.own_pins(tmp_path)[0])
    assert (mine.title, mine.used_at, mine.commit) == ("someone/one: one.gguf", 5.0, "c" * 40)


def test_what_has_arrived_counts_and_what_is_to_come_is_known(tmp_path: Path) -> None:
    hold(tmp_path, entry("one"), 100, arrived=40)
    (item,) = look(tmp_path).items
    assert (item.bytes, item.missing_bytes, item.pieces[0].whole) == (40, 60, False)


def test_the_model_of_an_older_program_which_pinned_the_projector_with_it_is_seen(tmp_path: Path) -> None:
    one = entry("one", projector="mmproj.gguf")
    hold(tmp_path, entry("one", "one.gguf"), 100)
    pin = tmp_path / entry("one", "one.gguf").own_pins(tmp_path)[0]
    told = [vars(pinned("one.gguf", 100)), vars(pinned("mmproj.gguf", 10))]
    write_json(tmp_path / one.own_pins(tmp_path)[1], {"commit": "c" * 40, "files": told})
    pin.unlink()
    (item,) = look(tmp_path).items
    assert (item.bytes, item.missing_bytes, item.title) == (100, 10, "one.gguf")


def test_a_file_that_no_pin_names_is_ours_if_it_was_checked_here(tmp_path: Path) -> None:
    (tmp_path / hold(tmp_path, entry("one"), 100)).unlink()
    (left,) = look(tmp_path).leftovers
    assert (left.bytes, left.pin) == (100, "")
    (tmp_path / left.title).write_bytes(b"x" * 101)  # by somebody else, under the same name
    assert look(tmp_path).every == ()


@pytest.mark.parametrize("name", ["mine.gguf", f"{'a' * 64}.gguf", f"{'a' * 64}/mine.gguf", "notes.txt", "x/y.part"])
def test_files_of_the_owners_are_not_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"GGUF")
    assert look(tmp_path).every == ()


def test_a_file_of_the_owners_in_a_folder_of_ours_makes_the_folder_no_leftover(tmp_path: Path) -> None:
    parts = entry("big", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf")
    (tmp_path / hold(tmp_path, parts, 200)).unlink()
    (left,) = look(tmp_path).leftovers
    (tmp_path / left.title / "notes.txt").write_text("mine")
    assert look(tmp_path).leftovers == ()


def test_a_link_is_its_owners_wherever_it_leads(tmp_path: Path) -> None:
    store, other = tmp_path / "store", tmp_path / "other"
    pin = hold(store, entry("one"), 100)
    hold(store, entry("z", "model_index.json", "unet/w.safetensors", pipeline=True), 50)
    for piece in [piece for item in look(store).items for piece in item.pieces]:
        place = piece.path if piece.path.parent == store else store / piece.path.relative_to(store).parts[0]
        if not place.is_symlink():
            other.mkdir(exist_ok=True)
            os.replace(place, other / place.name)
            place.symlink_to(other / place.name)
    assert look(store).every == () and (store / pin).exists()


def test_a_second_name_outside_is_told(tmp_path: Path) -> None:
    store = tmp_path / "store"
    hold(store, entry("one"), 100)
    (piece,) = look(store).items[0].pieces
    assert not piece.elsewhere
    os.link(piece.path, tmp_path / "other.gguf")
    assert look(store).items[0].pieces[0].elsewhere


@pytest.mark.parametrize("sha256", ["../../etc/passwd", "", "A" * 64])
def test_a_pin_never_leads_out_of_the_store(tmp_path: Path, sha256: str) -> None:
    (tmp_path / f"{sha256}.gguf").parent.mkdir(exist_ok=True, parents=True)
    told = [{"name": "a.gguf", "size": 1, "sha256": sha256}]
    write_json(tmp_path / "pins" / f"{'b' * 64}.json", {"commit": "c", "files": told})
    write_json(tmp_path / "pins" / "odd.json", {"commit": "c", "files": []})
    nasty = [{"name": "../../x.json", "size": 1, "sha256": "a" * 64}]
    write_json(tmp_path / "pins" / f"{'d' * 64}.json", {"commit": "c", "files": nasty})
    assert look(tmp_path).every == ()


def test_a_part_that_no_pin_names_is_left_over(tmp_path: Path) -> None:
    (tmp_path / f"{'a' * 64}.part").write_bytes(bytes_of("a", 10))
    (left,) = look(tmp_path).leftovers
    assert left.bytes == 10 and not left.pieces[0].whole


def test_what_was_checked_under_another_hash_is_no_leftover(tmp_path: Path) -> None:
    path = tmp_path / f"{'a' * 64}.gguf"
    path.write_bytes(b"GGUF")
    remember(path, tmp_path / "records", "b" * 64)
    assert look(tmp_path).every == ()
