import pytest

from coordinator.api.request_ids import names, own_name, request_id

NAME = "0123456789abcdef" * 2


@pytest.mark.parametrize("given", ["mine", "a.b:c_d-1", NAME, "chatcmpl-1", "x" * 128])
def test_a_clients_own_id_is_kept_if_it_is_harmless(given: str) -> None:
    assert request_id(given) == given
    assert own_name(given) is None


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "<script>", f"req_{NAME}", "a\r\nb", "é"])
def test_else_it_is_a_new_one_with_the_name_of_the_request_in_it(given: str) -> None:
    """One that looks like ours too: it would be a name that somebody knows."""
    made = request_id(given)
    name = own_name(made)
    assert made != given and name is not None
    assert names(made) == (name, made)


def test_every_id_that_an_answer_has_leads_to_the_name() -> None:
    for prefix in ("chatcmpl-", "resp_", "msg_", "video_", "req_", ""):
        assert names(prefix + NAME)[0] == NAME
    assert names("mine") == (None, "mine")
    assert names(NAME) == (NAME, NAME), "nginx gives such ids"
    assert names("a\0b") == (None, None)
