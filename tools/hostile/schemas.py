"""JSON Schemas and patterns that a grammar compiler would choke on."""

from collections.abc import Iterator

from tools.hostile.request import Hostile, Json, ask, chat, json_schema, nested_schema, tool


def schemas() -> Iterator[Hostile]:
    yield ask("a schema 20 deep", chat(**json_schema(nested_schema(9))), 200)
    yield ask("a schema too deep", chat(**json_schema(nested_schema(25))), 400)
    yield ask("a tool's schema too deep", chat(tools=[tool(nested_schema(25))]), 400)
    yield ask("a schema that refers to itself", chat(**json_schema({"$ref": "#"})), 200, 400)
    yield ask("a schema that refers to nothing", chat(**json_schema({"$ref": "#/$defs/none"})), 400)
    yield ask("a schema that refers to another machine", chat(**json_schema({"$ref": "http://169.254.169.254/"})), 400)
    yield ask("a schema that refers to a file", chat(**json_schema({"$ref": "file:///etc/passwd"})), 400)
    grown: Json = {"$defs": {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(30)}}
    grown["$defs"]["d30"] = {"type": "string"}
    yield ask("a schema that doubles thirty times", chat(**json_schema({**grown, "$ref": "#/$defs/d0"})), 200, 400)
    yield ask("a schema of 5,000 choices", chat(**json_schema({"enum": [f"v{i}" for i in range(5000)]})), 200, 400)
    wide = {"type": "object", "properties": {f"p{i}": {"type": "integer"} for i in range(1500)}}
    yield ask("a schema of 1,500 properties", chat(**json_schema(wide)), 200, 400)
    yield ask("a schema over its size", chat(**json_schema({"enum": ["x" * 70_000]})), 400)
    counted = {"type": "string", "minLength": 1_000_000, "maxLength": 1_000_000}
    yield ask("a string of a million characters", chat(**json_schema(counted)), 200, 400)
    listed = {"type": "array", "minItems": 100_000, "items": {"type": "string", "pattern": "a{1,200}"}}
    yield ask("a list of 100,000 items", chat(**json_schema(listed)), 200, 400)
    yield ask("a schema that nothing satisfies", chat(**json_schema({"allOf": [{"const": 1}, {"const": 2}]})), 200, 400)
    met = {"allOf": [{"type": "string", "pattern": f".*{i}.*"} for i in range(100, 140)]}
    yield ask("a schema of patterns that must all match", chat(**json_schema(met)), 400)
    yield ask("a schema of an unknown type", chat(**json_schema({"type": "nonsense"})), 400)
    yield ask("a schema with numbers for words", chat(**json_schema({"type": 5, "properties": []})), 400)
    yield ask("parameters that are no object", chat(tools=[tool({"type": "array"})]), 400)
    yield ask(
        "a strict tool that must be called",
        chat(tools=[tool(nested_schema(9), strict=True)], tool_choice="required"),
        200,
    )


def patterns() -> Iterator[Hostile]:
    def matched(pattern: str) -> Json:
        return chat(**json_schema({"type": "string", "pattern": pattern}))

    yield ask("a pattern of 100 KB", matched("a" * 60_000), 400)
    yield ask("a pattern of nested groups", matched("(" * 9 + "a" + ")" * 9), 400)
    yield ask("a pattern that backtracks", matched("^(a+)+$"), 200, 400)
    yield ask("a pattern of alternatives in alternatives", matched("((a|a)*|(a|a)*)*b"), 200, 400)
    yield ask("a pattern that counts to a billion", matched("a{1000000000}"), 200, 400)
    yield ask("a pattern that multiplies", matched("((a{100}){100}){100}"), 200, 400)
    yield ask("a pattern that looks back", matched(r"(?<=a)b\1"), 400)
    yield ask("a pattern that is none", matched("[(*"), 400)
    yield ask("a key that is a pattern", chat(**json_schema({"patternProperties": {"(" * 9: {}}})), 400)
