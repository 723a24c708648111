import pytest

from coordinator.cli.running import everyone
from coordinator.operating.errors import CannotBeDone


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://127.0.0.1/x"])
def test_what_is_no_address_of_a_coordinator_is_refused_in_words(url: str) -> None:
    with pytest.raises(CannotBeDone, match="no coordinator answers"):
        list(everyone(url, "key"))
