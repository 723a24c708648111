"""Names of replicas, and what the name of a job says of them."""

import re
from typing import Annotated

from pydantic import Field

ReplicaId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]  # of one process: a restarted one is another replica
Leg = Annotated[int, Field(ge=1, lt=2**31)]  # of a job's way through the cells; only its edge raises it
_EDGE = re.compile(r".+\.[0-9]+\.([0-9a-f]{8})")  # a round's or a call's name has dots


def job_id(request: str, choice: int, edge: ReplicaId | str) -> str:
    """The name of one choice of a request. `edge`: the replica that has its client, or nothing where there is one."""
    return f"{request}.{choice}.{edge}" if edge else f"{request}.{choice}"


def edge_of(job_id: str) -> ReplicaId | None:
    """The replica that has the client of a job `NAME.CHOICE.EDGE`; None for one of a coordinator that is alone."""
    found = _EDGE.fullmatch(job_id)
    return None if found is None else found[1]
