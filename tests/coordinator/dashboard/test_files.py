"""The files of the dashboard: what may stand in them, and how they are read."""

import gzip
import re

import pytest

from coordinator.dashboard.files import FOLDER, read_files

SCRIPTS = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.js"))


def test_a_packed_file_is_the_same_file() -> None:
    file = read_files()["base.css"]
    assert file.packed is not None and gzip.decompress(file.packed) == file.plain == (FOLDER / "base.css").read_bytes()


def test_the_document_holds_no_inline_script_or_style_and_names_no_other_host() -> None:
    text = (FOLDER / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?://", text)


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_html_or_code_out_of_text(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser", text
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_one_thought(name: str) -> None:
    assert len((FOLDER / name).read_text().splitlines()) <= 300
