import sqlite3
from pathlib import Path

import pytest

from coordinator.store.database import Database


def test_money_and_tokens_are_never_negative(tmp_path: Path) -> None:
    Database(tmp_path / "c.db").close()
    connection = sqlite3.connect(tmp_path / "c.db")
    columns = [row[1] for row in connection.execute("PRAGMA table_info(usage)") if row[1] != "id"]
    values = {name: 1 for name in columns} | {"cost_nano": -1}
    holes = ", ".join("?" for _ in columns)
    with pytest.raises(sqlite3.IntegrityError, match="usage_counts"):
        connection.execute(f"INSERT INTO usage ({', '.join(columns)}) VALUES ({holes})", list(values.values()))
    connection.close()
