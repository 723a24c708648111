from coordinator.media.tools import FULL, GENERATE_IMAGE, NAMES, SHORT, SHORT_BELOW, declared
from wire.schema_enforcement import enforced

# The service's own contract: a tool's parameters in their order, and those that must be there. `[]` is an array of
# strings, `?` a boolean, `"` a string, all others are numbers.
CONTRACT = {
    "sogni_generate_image": 'prompt"* negative_prompt" width height model" steps seed',
    "sogni_edit_image": 'prompt"* source_image_url" reference_image_urls[] negative_prompt" width height model" '
    "number_of_variations seed",
    "sogni_generate_video": 'prompt"* negative_prompt" reference_image_url" reference_image_end_url" '
    'reference_audio_identity_url" audio_identity_strength first_frame_strength last_frame_strength width height '
    'duration fps model" number_of_variations seed',
    "sogni_sound_to_video": 'prompt"* reference_audio_url"* reference_image_url" audio_start duration width height '
    'model" number_of_variations seed',
    "sogni_video_to_video": 'prompt"* reference_video_url"* negative_prompt" control_mode" reference_image_url" '
    'reference_audio_identity_url" audio_identity_strength video_start duration width height detailer_strength model" '
    "number_of_variations seed",
    "sogni_generate_music": 'prompt"* lyrics" language" duration bpm keyscale" timesignature" composer_mode? '
    'prompt_strength creativity model" output_format" number_of_variations seed',
}
MARKS = {"string": '"', "array": "[]", "boolean": "?", "number": ""}


def test_the_tools_are_those_of_the_contract() -> None:
    said = {}
    for tool in FULL:
        required = tool.parameters["required"]
        said[tool.name] = " ".join(
            f"{name}{MARKS[schema['type']]}{'*' if name in required else ''}"
            for name, schema in tool.parameters["properties"].items()
        )
    assert said == CONTRACT
    assert list(said) == list(CONTRACT)
    assert set(CONTRACT) == NAMES


def test_no_tool_asks_for_a_data_uri() -> None:
    words = [schema["description"] for tool in FULL for schema in tool.parameters["properties"].values()]
    assert not any("base64" in about or "data:" in about for about in words)
    named = {
        name
        for tool in FULL
        for name, schema in tool.parameters["properties"].items()
        if "media:1" in schema["description"]
    }
    assert named == {name for tool in FULL for name in tool.parameters["properties"] if "_url" in name}


def test_every_call_can_be_held_to_its_schema() -> None:
    for tool in (*FULL, *SHORT):
        assert not enforced(tool.parameters).gaps, tool.name


def test_only_what_is_served_is_declared_in_a_fixed_order() -> None:
    served = {"sogni_generate_music", "sogni_generate_image"}
    assert [tool.name for tool in declared(served, SHORT_BELOW)] == ["sogni_generate_image", "sogni_generate_music"]
    assert declared((), SHORT_BELOW) == ()
    assert declared(NAMES, SHORT_BELOW) == FULL


def test_a_short_context_gets_the_short_form() -> None:
    assert declared(NAMES, SHORT_BELOW - 1) == SHORT
    assert sum(len(tool.model_dump_json()) for tool in SHORT) < 600
    assert declared({"sogni_edit_image"}, 4096) == ()


def test_a_tool_of_the_client_keeps_its_name() -> None:
    assert declared({GENERATE_IMAGE.name}, SHORT_BELOW, taken={GENERATE_IMAGE.name}) == ()
