"""Reading models.yaml from disk, for both programs; wire/catalog_text.py reads what is in it."""

from pathlib import Path

import wire
from program.settings import ConfigError
from wire.catalog import Catalog
from wire.catalog_text import CatalogError, parse


def load_catalog(path: Path | None) -> Catalog:
    """The catalog of the given file, else of the one beside our packages. Raises ConfigError with file and line."""
    path = path or Path(next(iter(wire.__path__))).parent / "models.yaml"
    try:
        if path.is_file():
            return parse(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"cannot read the catalog {path}: {error.strerror or error}") from None
    except CatalogError as error:
        raise ConfigError(str(error)) from None
    raise ConfigError(f"no catalog at {path}: put the file there, or start with --catalog and the path of one")
