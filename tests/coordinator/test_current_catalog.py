"""What another catalog changes, in the operator's words."""

from coordinator.current_catalog import difference, prices, specs
from tests.coordinator.conftest import CATALOG
from tests.coordinator.media.making import PAINTER
from wire.catalog_text import parse

BEFORE = parse(CATALOG, "test")


def test_what_is_added_changed_and_removed_is_named_with_what_of_it_changed() -> None:
    after = parse(
        CATALOG.replace("id: other", "id: new")
        .replace("default: tiny", "default: new")
        .replace("context: 4096,\n     max_output: 512, thinking", "context: 8192,\n     max_output: 256, thinking"),
        "test",
    )
    assert difference(BEFORE, after) == (
        "added new; changed tiny (context, max_output); removed other; the default is new"
    )


def test_a_name_that_chatted_and_now_makes_pictures_is_changed() -> None:
    chats = BEFORE.model_copy(update={"media": (PAINTER.model_copy(update={"id": "x"}),)})
    makes = BEFORE.model_copy(
        update={"media": (PAINTER.model_copy(update={"id": "other"}),), "models": BEFORE.models[:1]}
    )
    assert difference(chats, makes) == "changed other (what it makes); removed x"


def test_another_order_alone_is_told_as_that() -> None:
    turned = BEFORE.model_copy(update={"models": BEFORE.models[::-1]})
    assert difference(BEFORE, turned) == "the order of the models"


def test_every_entry_has_a_price() -> None:
    both = BEFORE.model_copy(update={"media": (PAINTER,)})
    assert list(specs(both)) == ["tiny", "other", "painter"]
    assert prices(both) == {"tiny": (300, 900), "other": (300, 900), "painter": (0, PAINTER.price)}
