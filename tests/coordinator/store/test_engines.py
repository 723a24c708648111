from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from coordinator.store.engines import named, postgres, sqlite_file, url_of
from coordinator.store.errors import StoreError


def test_a_url_names_a_file_or_a_server() -> None:
    assert sqlite_file("c.db") == Path("c.db")
    assert sqlite_file("sqlite:////data/c.db") == Path("/data/c.db")
    assert sqlite_file("postgresql://me@db/supernet") is None
    assert url_of("postgres://me@db/supernet".replace("postgres:", "postgresql:")).drivername == "postgresql+psycopg"
    for wrong in ("mysql://me@db/x", "postgresql://", "://"):
        with pytest.raises(StoreError, match="postgresql://USER@HOST/NAME"):
            url_of(wrong)


def test_a_server_whose_machine_is_gone_is_not_waited_for_until_the_kernel_gives_it_up() -> None:
    engine, asked = postgres(url_of("postgresql://me@db/supernet"), True, True), dict[str, Any]()

    @event.listens_for(engine, "do_connect")
    def connect(dialect: object, record: object, arguments: object, parameters: dict[str, Any]) -> None:
        asked.update(parameters)
        raise StoreError("nobody is there")

    with pytest.raises(StoreError, match="nobody"):
        engine.connect()
    idle, interval, count = (asked[f"keepalives_{name}"] for name in ("idle", "interval", "count"))
    assert 0 < idle + interval * count <= 15, "one that owes an answer"
    assert 0 < asked["tcp_user_timeout"] <= 15_000, "one that does not take what is sent"


def test_a_password_is_not_shown_wherever_it_stands_in_the_url() -> None:
    for given in (
        "postgresql://me:secret@db/supernet?host=a&host=b",
        "postgresql://me@/supernet?password=secret&host=a",
    ):
        assert "secret" not in named(url_of(given)) and "host=a" in named(url_of(given))
