import pytest

from coordinator.cluster.protocol.ids import edge_of, job_id


@pytest.mark.parametrize(
    ("job", "edge"),
    [
        ("0f3c.0.0123abcd", "0123abcd"),
        ("name-of-a-client.12.ffffffff", "ffffffff"),
        ("0f3c.0", None),  # of a coordinator that is alone
        ("0f3c.0.0123ABCD", None),
        ("0f3c.0.0123abcde", None),
        ("0f3c.2.1.0.0123abcd", "0123abcd"),  # of a call in a round of a chat
        ("0f3c.2.1.0", None),
        ("a.b.c.0123abcd", None),
        (".0.0123abcd", None),
        ("", None),
    ],
)
def test_a_job_says_where_its_client_is(job: str, edge: str | None) -> None:
    assert edge_of(job) == edge


def test_a_job_is_named_after_its_request_its_choice_and_its_edge() -> None:
    assert job_id("0f3c", 2, "0123abcd") == "0f3c.2.0123abcd" and edge_of("0f3c.2.0123abcd") == "0123abcd"
    assert job_id("0f3c", 2, "") == "0f3c.2"  # of a coordinator that is alone
