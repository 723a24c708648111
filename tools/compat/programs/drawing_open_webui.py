"""Open WebUI where something is drawn: in a chat of its page, and by its own buttons for pictures."""

from drawn import linked, looked_at
from open_webui_server import call, chat, fetch, serve
from outcome import KEY, MODEL, SAID, URL, expect, tell

DRAW, PIPELINE, SIZE = SAID["draw"], SAID["pipeline"], SAID["size"]
# As an administrator fills in its page for pictures.
IMAGES = {
    "ENABLE_IMAGE_GENERATION": "True",
    "IMAGE_GENERATION_ENGINE": "openai",
    "IMAGE_GENERATION_MODEL": PIPELINE,
    "IMAGE_SIZE": SIZE,
    "IMAGES_OPENAI_API_BASE_URL": URL,
    "IMAGES_OPENAI_API_KEY": KEY,
    "ENABLE_IMAGE_EDIT": "True",
    "IMAGE_EDIT_ENGINE": "openai",
    "IMAGE_EDIT_MODEL": PIPELINE,
    "IMAGES_EDIT_OPENAI_API_BASE_URL": URL,
    "IMAGES_EDIT_OPENAI_API_KEY": KEY,
}


def whole(token: str) -> None:
    request = {"model": MODEL, "messages": [{"role": "user", "content": DRAW["ask"]}]}
    (choice,) = call("/api/chat/completions", request, token)["choices"]
    linked(choice["message"]["content"], DRAW["answer"])


def streamed(token: str, task: dict[str, str], media_type: str = "image/png") -> None:
    linked(chat(token, task["ask"])["content"], task["answer"], media_type)


def kept(token: str, images: list[dict[str, str]]) -> None:
    """What its buttons give: pictures that it has put into its own store."""
    (image,) = images
    file, media_type = fetch(image["url"], token=token)
    assert media_type == "image/png", media_type
    looked_at(file)


def outcomes(token: str) -> None:
    models = call("/api/models", token=token)["data"]
    tell("models: no pipeline among those to chat with", lambda: expect(" ".join(one["id"] for one in models), MODEL))
    tell("chat: whole", lambda: whole(token))
    wish = {"prompt": DRAW["ask"]}
    tell("pictures: in base64", lambda: kept(token, call("/api/v1/images/generations", wish, token)))
    if "film" in SAID:  # its page's own tools do not fit into the context of the model that was trained
        tell("chat: streamed", lambda: streamed(token, DRAW))
        tell("chat: a film", lambda: streamed(token, SAID["film"], "video/mp4"))
        edit = {"image": SAID["picture"], "prompt": "blue"}
        tell("pictures: edited", lambda: kept(token, call("/api/v1/images/edit", edit, token)))


serve(outcomes, **IMAGES)
