from collections.abc import Callable
from pathlib import Path

import pytest

from coordinator.config import build
from coordinator.store import home
from coordinator.store.errors import StoreError


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and a working folder with nothing in it."""
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_the_database_is_the_same_one_from_every_folder(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build({}, {}).db
    monkeypatch.chdir(folders)
    assert build({}, {}).db == first == folders / "state" / "supernet" / "supernet-coordinator.db"


@pytest.mark.parametrize(
    ("name", "flag", "place"),
    [
        ("supernet-coordinator.db", "--db", home.database),
        ("supernet-coordinator.pepper", "--pepper", home.pepper),
    ],
)
def test_what_lies_where_earlier_versions_had_it_is_not_passed_over(
    folders: Path, name: str, flag: str, place: Callable[[], Path]
) -> None:
    (folders / "here" / name).write_text("years of accounts")
    with pytest.raises(StoreError, match=f"{flag} {name}.*mkdir -p .* && mv {name}\\* {folders}/state/supernet/"):
        place()
    (folders / "state" / "supernet").mkdir(parents=True)
    (folders / "state" / "supernet" / name).write_text("a second one")
    with pytest.raises(StoreError) as both:
        place()
    assert "mv " not in str(both.value)  # it would write over the other one


def test_a_file_that_is_named_is_taken_wherever_it_lies(folders: Path) -> None:
    (folders / "here" / "supernet-coordinator.db").write_text("")
    assert build({"db": "supernet-coordinator.db"}, {}).db == "supernet-coordinator.db"
    assert build({}, {"SUPERNET_COORDINATOR_DB": "supernet-coordinator.db"}).db == "supernet-coordinator.db"


def test_a_home_that_is_the_working_folder_is_no_leftover(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = home.database()
    place.parent.mkdir(parents=True)
    place.write_text("")
    monkeypatch.chdir(place.parent)
    assert home.database() == place
    (folders / "link").symlink_to(folders / "state")  # as /home is one to /var/home
    monkeypatch.setenv("XDG_STATE_HOME", str(folders / "link"))
    assert home.database().samefile(place)


def test_a_user_without_a_home_has_to_name_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # a container's user number without an entry
    with pytest.raises(StoreError, match="give --db FILE"):
        home.database()
