"""Finished answers against their JSON Schema, what no grammar holds included. The only importer of jsonschema-rs.

To be called in a process whose time and memory are bounded: a schema whose references double thirty times takes for
ever.
"""

import json
from typing import Any

import jsonschema_rs

from wire.schema_refs import below, objects

_MOST_FAULTS = 3
_MOST_CHARS = 200  # of a pointer: keys are the model's words


def faults(schema: dict[str, Any], text: str) -> list[str]:
    """Return what of the schema a text breaks, a few sentences at most; []: it matches.

    Nothing is fetched. Raises ValueError for what is no JSON, and what the library raises for what is no schema.
    """
    value = json.loads(text)
    # the linear expressions: what they cannot say (look-around) is no schema here, and hostile ones cost nothing
    linear = jsonschema_rs.RegexOptions()
    plain = _with_numbers(schema)
    validator = jsonschema_rs.validator_for(plain, validate_formats=True, pattern_options=linear, offline=True)
    found: dict[str, None] = {}
    for error in validator.iter_errors(value):
        place, where = below("#", *error.schema_path), below("", *error.instance_path)
        found[f"{place[:_MOST_CHARS]} does not hold for {repr(where[:_MOST_CHARS]) if where else 'the whole'}"] = None
        if len(found) == _MOST_FAULTS:
            break
    return list(found)


def _with_numbers(schema: dict[str, Any]) -> dict[str, Any]:
    """`exclusiveMinimum` and `exclusiveMaximum` as the numbers that they are since draft 6. The grammar's library reads
    draft 4's booleans everywhere, this one where a schema says that it is of draft 4; most say nothing."""
    if "draft-04" in str(schema.get("$schema")):
        return schema
    made: dict[str, Any] = json.loads(json.dumps(schema))
    for node in objects(made):
        for bound in ("Minimum", "Maximum"):
            if isinstance(exclusive := node.get(f"exclusive{bound}"), bool):
                del node[f"exclusive{bound}"]
                if exclusive and bound.lower() in node:
                    node[f"exclusive{bound}"] = node.pop(bound.lower())
    return made
