"""The database: connection, locks, tables, migrations."""
