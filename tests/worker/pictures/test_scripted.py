from wire.pictures import PATCH
from worker.pictures.scripted import ScriptedReader


async def test_any_bytes_are_a_picture_of_their_own_and_of_as_many_tokens_as_it_may_have() -> None:
    one, other = [await ScriptedReader().read(data, 1024) for data in (b"one", b"other")]
    assert (one.width, one.height) == (32 * PATCH, 32 * PATCH)
    assert len(one.rgb) == 3 * one.width * one.height
    assert one.digest != other.digest and one.digest == (await ScriptedReader().read(b"one", 1024)).digest
