"""The three examples of the service's own documentation that are typed into a shell, and curl to type them."""

import asyncio
import json
from subprocess import PIPE
from typing import Any

HOST, KEY, MODEL = "https://api.sogni.ai", "YOUR_API_KEY", "qwen3.6-35b-a3b-gguf-iq4xs"
QUICK_TEST = r"""
curl https://api.sogni.ai/v1/chat/completions \
-H "Content-Type: application/json" \
-H "Authorization: Bearer YOUR_API_KEY" \
-d '{
"model": "qwen3.6-35b-a3b-gguf-iq4xs",
"messages": [
{"role": "user", "content": "Hello! What model are you?"}
]
}'
"""
AUTOMATIC_IMAGE = r"""
curl https://api.sogni.ai/v1/chat/completions \
-H "Content-Type: application/json" \
-H "Authorization: Bearer YOUR_API_KEY" \
-d '{
"model": "qwen3.6-35b-a3b-gguf-iq4xs",
"messages": [
{
"role": "user",
"content": "Generate a cinematic image of a neon-lit alley in Tokyo during rain."
}
]
}'
"""
DEVELOPER_ROLE = r"""
curl https://api.sogni.ai/v1/chat/completions \
-H "Content-Type: application/json" \
-H "Authorization: Bearer YOUR_API_KEY" \
-d '{
"model": "qwen3.6-35b-a3b-gguf-iq4xs",
"messages": [
{
"role": "developer",
"content": "You are a careful coding assistant. Explain changes before making risky suggestions."
},
{
"role": "user",
"content": "Write a React hook called useDebouncedValue in TypeScript."
}
]
}'
"""
WISH = "Generate a cinematic image of a neon-lit alley in Tokyo during rain."
AUTOMATIC_IMAGE_OFF = AUTOMATIC_IMAGE.replace('"messages": [', '"sogni_tools": false,\n"messages": [')
assert AUTOMATIC_IMAGE_OFF != AUTOMATIC_IMAGE


async def typed(example: str, host: str, key: str, model: str, within_s: float = 90) -> dict[str, Any]:
    """What the example prints, word for word but for host, key and model."""
    for theirs, ours in ((HOST, host), (KEY, key), (MODEL, model)):
        assert example.count(theirs) == 1
        example = example.replace(theirs, ours)
    process = await asyncio.create_subprocess_exec("sh", "-c", example, stdout=PIPE, stderr=PIPE)
    try:
        said, error = await asyncio.wait_for(process.communicate(), within_s)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, error.decode()
    answer: dict[str, Any] = json.loads(said)
    assert "error" not in answer, answer
    return answer
