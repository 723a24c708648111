"""Fields whose value is out of range, of another type or far too long."""

from collections.abc import Iterator

from tools.hostile.request import MIB, Hostile, Json, ask, chat


def numbers() -> Iterator[Hostile]:
    for name, value in {
        "temperature": -1,
        "top_p": 1.0001,
        "top_k": 10**9,
        "min_p": -1e-300,
        "n": 10**6,
        "max_tokens": 0,
        "max_completion_tokens": -(2**63),
        "seed": 2**64,
        "presence_penalty": 1e308,
        "repetition_penalty": 0,
        "top_logprobs": 10**6,
        "stop": [""] * 5,
    }.items():
        yield ask(f"{name} of {value!r}", chat(**{name: value}), 400)
    yield ask("a true for a number", chat(n=True), 400)
    yield ask("every number at its end", chat(temperature=2, top_p=1, top_k=256, min_p=1, repetition_penalty=0.01), 200)


def lists() -> Iterator[Hostile]:
    yield ask("100,000 stops", chat(stop=["x"] * 90_000), 400)
    yield ask("100,000 biases", chat(logit_bias={str(i): 1 for i in range(90_000)}), 400)
    yield ask("a bias of an unknown token", chat(logit_bias={"999999999": 1}), 400)
    yield ask("a bias of a negative token", chat(logit_bias={"-1": 1}), 400)
    yield ask("every token forbidden", chat(logit_bias={str(i): -100 for i in range(300)}), 200)
    yield ask("a key of a megabyte", chat(**{"k" * MIB: 1}), 400)
    yield ask("metadata of a megabyte", chat(metadata={"a": "x" * MIB}), 400)
    yield ask("a model with a path", chat(model="../../etc/passwd"), 404)
    yield ask("a model of 300 characters", chat(model="m" * 300), 400)


def shapes() -> Iterator[Hostile]:
    wrong: Json = {"null": None, "a number": 5, "a list of lists": [[]], "an object": {}}
    for name, value in wrong.items():
        yield ask(f"messages that are {name}", {"messages": value}, 400)
        yield ask(f"content that is {name}", chat(value), 400)
    yield ask("a role that there is not", {"messages": [{"role": "root", "content": "x"}]}, 400)
    yield ask(
        "an image from another machine", chat([{"type": "image_url", "image_url": {"url": "http://[::1]/"}}]), 400
    )
    yield ask("tools that are text", chat(tools="rm -rf /"), 400)


def responses() -> Iterator[Hostile]:
    path = "/v1/responses"
    yield ask("an item of an unknown type alone", {"input": [{"type": "x" * 1000}]}, 400, path=path)
    yield ask("an item that refers to another", {"input": [{"type": "item_reference", "id": "i"}]}, 400, path=path)
    yield ask("4,097 items", {"input": [{"role": "user", "content": "x"}] * 4097}, 400, path=path)
    yield ask("input of 4 MB of brackets", {"input": "<" * 4_000_000}, 400, path=path)
    yield ask("a namespace of 2,000 tools", {"input": "x", "tools": [space(2000)]}, 400, path=path)
    yield ask("a sealed thought alone", {"input": [{"type": "reasoning", "encrypted_content": "x"}]}, 400, path=path)


def space(number: int) -> Json:
    return {"type": "namespace", "name": "s", "tools": [{"type": "function", "name": f"f{i}"} for i in range(number)]}
