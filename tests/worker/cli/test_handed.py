"""The coordinator is asked for its catalog before anything else, by a real HTTP server's answers."""

from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.worker.daemon.fake_coordinator import CATALOG
from wire.catalog_text import parse
from wire.handed_catalog import CATALOG_PATH, write
from worker.cli import main
from worker.cli.handed import with_catalog
from worker.config import Config
from worker.exits import EXIT_CONFIG, EXIT_OK, EXIT_STOPPED
from worker.known_models import KEPT

THEIRS = parse(CATALOG, "theirs")


class Answers(HTTPServer):
    status, body = 200, write(THEIRS)
    asked: list[tuple[str, str]]


class _Handler(BaseHTTPRequestHandler):
    server: Answers

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(self.server.body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def answers() -> Iterator[Answers]:
    with Answers(("127.0.0.1", 0), _Handler) as server:
        server.asked = []
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def config(answers: Answers, tmp_path: Path) -> Config:
    return Config(coordinator=f"ws://127.0.0.1:{answers.server_port}", key="sk", state_dir=tmp_path / "state")


def test_it_is_asked_with_the_key_and_kept_for_a_start_without_a_line(config: Config, answers: Answers) -> None:
    found, why = with_catalog(config, ask=True)
    assert found.handed is not None and found.handed.catalog == THEIRS and why == ""
    assert answers.asked == [(CATALOG_PATH, "Bearer sk")]
    answers.status = 503
    found, why = with_catalog(config, ask=True)
    assert (found.handed is not None and found.handed.catalog == THEIRS and "503" in why) or why
    asked = len(answers.asked)
    assert with_catalog(config, ask=False)[0].handed == found.handed and len(answers.asked) == asked


@pytest.mark.parametrize(("status", "asked_in_vain"), [(404, False), (302, True), (401, True), (500, True)])
def test_other_answers_leave_it_at_the_programs_own(
    config: Config, answers: Answers, status: int, asked_in_vain: bool
) -> None:
    answers.status = status
    found, why = with_catalog(config, ask=True)
    assert found.handed is None and bool(why) == asked_in_vain
    assert [path for path, _ in answers.asked] == [CATALOG_PATH], "nothing is followed anywhere"


def test_what_is_of_no_use_is_not_kept(config: Config, answers: Answers) -> None:
    answers.body = '{"default":"m","models":[{"id":"m"}]}'
    assert with_catalog(config, ask=True) == (config, "")
    assert not (config.state_dir / KEPT).exists()


def test_an_owner_with_a_catalog_asks_nobody_nor_does_one_without_a_key_or_a_coordinator(
    config: Config, answers: Answers, tmp_path: Path
) -> None:
    for silent in (replace(config, catalog=tmp_path), replace(config, key=None), replace(config, coordinator=None)):
        assert with_catalog(silent, ask=True)[0].handed is None
    assert answers.asked == []


def test_a_folder_that_cannot_be_written_to_is_no_hindrance(config: Config, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    found, _ = with_catalog(config, ask=True)
    assert found.handed is not None


def run(config: Config, *argv: str) -> int:
    env = {"SUPERNET_COORDINATOR": config.coordinator or "", "SUPERNET_KEY": "sk"}
    env |= {"SUPERNET_STATE_DIR": str(config.state_dir), "HOME": str(config.state_dir)}
    return main.main(list(argv), env)


def test_models_lists_what_the_coordinator_has_and_what_needs_a_newer_worker(
    config: Config, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    answers.body = answers.body.replace('"models":[', '"models":[{"id":"talks","format":"new"},')
    with_catalog(config, ask=True)
    assert run(config, "--models") == EXIT_OK
    said = capsys.readouterr().out
    assert "tiny" in said and "need a newer worker: talks" in said and "qwen" not in said


def test_a_name_that_nobody_knows_is_explained_by_whom_it_was_looked_for(
    config: Config, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "--model", "other", "--plan") == EXIT_CONFIG
    assert "Models: tiny" in capsys.readouterr().err
    answers.body = answers.body.replace('"models":[', '"models":[{"id":"talks","format":"new"},')
    assert run(config, "--model", "talks", "--plan") == EXIT_CONFIG
    assert "a newer one may" in capsys.readouterr().err
    answers.status = 500
    assert run(config, "--model", "talks", "--plan") == EXIT_STOPPED, "a service is to try again"
    assert "could not be asked" in capsys.readouterr().err


def test_who_types_a_name_that_the_operator_has_just_removed_is_told_that(
    config: Config, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "--model", "tiny", "--models") == EXIT_OK
    with_catalog(replace(config, model="tiny"), ask=True)
    answers.body = answers.body.replace('"tiny"', '"tyni"')
    assert run(config, "--model", "tiny", "--plan") == EXIT_CONFIG
    said = capsys.readouterr().err
    assert "had tiny before" in said and "Models: tyni" in said
