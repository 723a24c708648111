"""schemathesis against a running network: bodies that the document allows and bodies that it does not, and every answer
is one that the document names, of the shape that it names."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from coordinator.api.app import OPENAPI
from tools.local_network import Network

EXAMPLES = 10  # an operation; schemathesis covers each bound and each kind of every field besides
# What a request may be refused for though each of its fields is what it should be: the document says so in words.
TOGETHER = re.compile(
    "are the same parameter|it needs '|no tool in 'tools' has this name|another tool has the same name"
    "|'required' needs at least one tool|number that is out of range|levels deep"
)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A coordinator, and a worker that says one word."""
    folder = tmp_path_factory.mktemp("document")
    script = folder / "script.json"
    script.write_text(json.dumps([{"when": "\n", "say": "hello"}]))
    network = Network(folder, Path("none"), context=2**20)
    try:
        network.start_coordinator()
        network.start_worker("--scripted", str(script), "--context", str(2**20))
        yield network
    finally:
        network.close()


# Not what changes an account: the keys of this very run are at stake. Nor the events of the network, which never end.
described = schemathesis.openapi.from_dict(json.loads(OPENAPI)).exclude(path_regex="/v1/account/|/v1/network/events")


@described.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_names(case: schemathesis.Case, network: Network) -> None:
    headers = {"Authorization": f"Bearer {network.key}"}
    with requests.Session() as session:
        session.trust_env = False
        response = case.call(base_url=network.url, session=session, headers=headers, timeout=60)
    case.validate_response(response, excluded_checks=[positive_data_acceptance])
    allowed = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    if allowed and response.status_code == 400:
        assert TOGETHER.search(response.json()["error"]["message"]), response.text
