"""What entries of models.yaml are made of: the strict base class, and names with a pattern."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# Nano-dollars: $0.30 per million tokens is 300 a token. A typo of a million dollars each is none that a database holds.
Nano = Annotated[int, Field(ge=0, le=10**15)]
# A petabyte is none; ten to the four thousand is an integer, and no float: a table that shows it in GiB ended with it.
Size = Annotated[int, Field(ge=0, lt=2**50)]
FileSize = Annotated[int, Field(ge=1, lt=2**50)]
ModelId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$")]
RepositoryName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$")
]
Revision = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
PackageName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
