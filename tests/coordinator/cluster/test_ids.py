import pytest

from coordinator.cluster.ids import edge_of


@pytest.mark.parametrize(
    ("job", "edge"),
    [
        ("0f3c.0.0123abcd", "0123abcd"),
        ("name-of-a-client.12.ffffffff", "ffffffff"),
        ("0f3c.0", None),  # of a coordinator that is alone
        ("0f3c.0.0123ABCD", None),
        ("0f3c.0.0123abcde", None),
        ("a.b.c.0123abcd", None),
        (".0.0123abcd", None),
        ("", None),
    ],
)
def test_a_job_says_where_its_client_is(job: str, edge: str | None) -> None:
    assert edge_of(job) == edge
