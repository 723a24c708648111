"""The same for fields with files in them, which platform tools work with."""

from typing import Any

Body = dict[str, Any]
Probe = tuple[Body, Body]

PIXEL = (  # a PNG of one red pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)
PICTURE = f"data:image/png;base64,{PIXEL}"
SOUND, ANOTHER = "SUQz", "SUQzBA=="  # the first bytes of MP3s
LINK = "https://net.example/m/AAAAAAAAAAAAAAAAAAAAAA.png"


def _referred(**fields: Any) -> Body:
    return {"media_references": [fields]}


def _chat(kind: str, **fields: Any) -> Body:
    return {"messages": [{"role": "user", "content": [{"type": kind, kind: fields}]}]}


def _response(**part: Any) -> Body:
    return {"input": [{"type": "message", "role": "user", "content": [part]}]}


def _input_file(**fields: Any) -> Body:
    return _response(type="input_file", **fields)


BOTH: dict[str, Probe] = {
    "media_references": ({}, _referred(url=PICTURE)),
    "media_references[].kind": (_referred(url=LINK), _referred(url=LINK, kind="image")),
    "media_references[].url": (_referred(url=LINK), _referred(url=PICTURE)),
    "media_references[].value": (_referred(value=LINK), _referred(value=PICTURE)),
    "media_references[].data": (_referred(data=PIXEL), _referred(data=SOUND)),
}
CHAT: dict[str, Probe] = {
    "messages[].content[].input_audio.data": (_chat("input_audio", data=SOUND), _chat("input_audio", data=ANOTHER)),
    "messages[].content[].file.file_data": (_chat("file", file_data=PICTURE), _chat("file", file_data=SOUND)),
    "messages[].content[].file.file_url": (_chat("file", file_data=PICTURE), _chat("file", file_url=LINK)),
}
CHAT_REFUSED: dict[str, Body] = {"messages[].content[].file.file_id": _chat("file", file_id="f")}
RESPONSES: dict[str, Probe] = {
    "input[].content[].input_audio.data": (
        _response(type="input_audio", input_audio={"data": SOUND}),
        _response(type="input_audio", input_audio={"data": ANOTHER}),
    ),
    "input[].content[].file_data": (_input_file(file_data=PICTURE), _input_file(file_data=SOUND)),
    "input[].content[].file_url": (_input_file(file_data=PICTURE), _input_file(file_url=LINK)),
}
