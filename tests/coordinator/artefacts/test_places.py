"""Where artefacts are kept."""

import os
from pathlib import Path

import pytest

from coordinator.artefacts.local import LocalObjects
from coordinator.artefacts.places import folder_beside, in_bucket, in_folder, opened
from coordinator.artefacts.s3 import S3Objects
from coordinator.store.database import Database


def test_by_default_they_lie_beside_the_databases_file(tmp_path: Path, database_file: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(database_file)
    assert folder_beside(database_file) == folder_beside(link) == database_file.with_name("c.db.media")


def test_beside_no_file_they_have_a_place_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert folder_beside("postgresql://me@host/name") == tmp_path / "supernet" / "supernet-media"


def test_two_databases_in_one_folder_never_meet(tmp_path: Path, database_file: Path) -> None:
    databases = [Database(database_file), Database(tmp_path / "other.db")]
    for database in (*databases, databases[0]):
        objects, staging = opened(tmp_path / "kept", "", database)
        assert isinstance(objects, LocalObjects)
        with staging.place() as path:
            path.write_text("x")
            path.with_name("left").write_text("by a crash")
    folders = sorted((tmp_path / "kept").iterdir())
    assert len(folders) == 2
    opened(tmp_path / "kept", "", databases[0])
    assert len(list((tmp_path / "kept").rglob("left"))) == 1  # the other's
    for database in databases:
        database.close()


def test_replicas_on_one_machine_leave_each_others_files_alone(tmp_path: Path, database_file: Path) -> None:
    database = Database(database_file)
    _, staging = opened(tmp_path, "", database, "aaaaaaaa")
    with staging.place() as path:
        path.write_text("on its way")
        opened(tmp_path, "", database, "bbbbbbbb")
        assert path.read_text() == "on its way"
        os.utime(path.parent, (0, 0))  # its replica ended long ago
        opened(tmp_path, "", database, "bbbbbbbb")
        assert not path.parent.exists()
    database.close()


def test_a_bucket_is_one_of_s3(tmp_path: Path, database_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    database = Database(database_file)
    objects, staging = opened("s3://bucket/prefix", database_file, database)
    assert isinstance(objects, S3Objects)
    with staging.place() as path:
        assert path.is_relative_to(database_file.with_name("c.db.media"))
    database.close()


async def test_who_works_beside_the_coordinator_finds_its_objects_and_leaves_what_is_on_its_way(
    tmp_path: Path, database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    database = Database(database_file)
    objects, staging = opened(tmp_path, "", database)
    with staging.place() as path:
        path.write_text("on its way")
        beside = in_folder(tmp_path, database)
        assert await beside.place("ab" * 32, "image/png") == await objects.place("ab" * 32, "image/png")
        assert isinstance(in_bucket("s3://bucket/prefix", database), S3Objects)
        assert path.read_text() == "on its way"
    database.close()
