"""What becomes of the fields of a chat completion that are not honoured, with the reason of each: the one table.

Taken without an effect (ACCEPTED), checked and then without one (LABELS), taken at some values only (LIMITED), left out
with a word in the answer (LEFT_OUT), refused with what to do instead (REFUSED). What is on no list is honoured by the
reader that takes it, or refused as unknown. docs/compatibility.md shows all of it.
"""

from collections.abc import Mapping
from typing import Any

# Taken without an effect, each for a reason. `[]` stands for any index.
ACCEPTED: Mapping[str, str] = {
    "store": "nothing is stored either way: prompts and answers are not kept",
    "prompt_cache_key": "a shared prefix is found by its own text and reused without a key",
    "prompt_cache_retention": "how long a prefix is kept depends on what its worker is asked meanwhile",
    "prompt_cache_options": "prefixes are reused without options",
    "cache_prompt": "a prefix is cached in any case",
    "app_source": "a label of the calling application; nothing depends on it",
    "session_id": "a label of the conversation in a router's lists; for placement there is a header, x-session-id",
    "verbosity": "a hint to models that were trained to read it; say in a message how long the answer should be",
    "continue_final_message": "where the last message is the assistant's an answer goes on with it in any case",
    "add_generation_prompt": "as the template of a model has it; false goes with 'continue_final_message'",
    "timings_per_token": "an answer says once how fast it was made, at its end: `timings`",
    "include_reasoning": "the thought comes apart from the text in any case, and need not be read",
    "tool_stream": "the arguments of a call are streamed as they are written",
    "reasoning.exclude": "the thought comes apart from the text in any case, and need not be read",
    "reasoning.summary": "the thought itself is sent, whole: no summary is made of it",
    "reasoning.generate_summary": "the old name of 'summary'",
    "response_format.json_schema.name": "a label; the answer is held to the schema itself",
    "response_format.json_schema.description": "the schema holds the answer; the model is not shown its words",
    "tools[].cache_control": "a prefix is cached in any case",
    "messages[].cache_control": "a prefix is cached in any case",
    "messages[].content[].cache_control": "a prefix is cached in any case",
    "messages[].content[].input_audio.format": "what a file is shows in its first bytes",
    "messages[].content[].file.filename": "a file has a handle by which tools know it, such as media:1",
    "media_references[].name": "a file has a handle by which tools know it, such as media:1",
    "media_references[].mime_type": "what a file is shows in its first bytes",
    "messages[].id": "another server's label of an earlier message",
    "messages[].model": "a client's own note of which model said it",
    "messages[].prefix": "of the last message, no other: an answer goes on with it in any case",
    "messages[].timestamp": "a client's own note of when it was said",
    "messages[].status": "an earlier answer sent back whole: it counts as it stands",
    "messages[].phase": "a mark for models that were trained to read it; Qwen's templates have no place for it",
    "messages[].finish_reason": "an earlier answer sent back whole: why it ended, not what it said",
    "messages[].annotations": "an earlier answer sent back whole: marks for display, not text",
    "messages[].citations": "an earlier answer sent back whole: marks for display, not text",
    "messages[].content[].annotations": "an earlier answer sent back: marks for display, not text",
    "messages[].content[].citations": "an earlier answer sent back: marks for display, not text",
    "messages[].parsed": "the OpenAI SDK's own decoded copy of `content`",
    "messages[].provider_specific_fields": "litellm's own copy of an answer's fields that OpenAI does not have",
    "messages[].tool_calls[].provider_specific_fields": "litellm's own copy of fields that OpenAI does not have",
    "messages[].tool_calls[].index": "an earlier stream's position; the order of the list says the same",
    "messages[].tool_calls[].function.parsed_arguments": "the OpenAI SDK's own decoded copy of `arguments`",
    "messages[].tool_calls[].function.provider_specific_fields": "litellm's own copy of fields that OpenAI has not",
    **{
        f"{place}.{name}": "another server's own seal on an earlier answer, for that server to read"
        for place, names in {
            "messages[]": ("extra_content", "reasoning_opaque", "reasoning_signature", "thought_signature"),
            "messages[].content[]": ("signature", "data", "id", "index", "format", "extras", "closed"),
            "messages[].tool_calls[]": ("extra_content", "thought_signature"),
        }.items()
        for name in names
    },
}

# Checked, and then without an effect on the answer to a chat completion.
LABELS: Mapping[str, str] = {
    "user": "a label of the caller's own end user; nothing depends on it and it is not kept",
    "safety_identifier": "OpenAI's new name of 'user'",
    "metadata": "OpenAI gives it back with a stored completion, and nothing is stored here",
    "messages[].name": "it is given to the model's template, and Qwen's templates write no names",
}

# Fields of OpenAI or of other servers that mean something which is not done here: what to do instead.
REFUSED: Mapping[str, str] = {
    "functions": "use 'tools'",
    "function_call": "use 'tools' and 'tool_choice'",
    "audio": "this network answers in text only",
    "prediction": "predicted outputs are not offered",
    "web_search_options": "web search is not offered",
    "moderation": "answers are not moderated here",
    "prompt": "use 'messages'",
    "suffix": "use 'messages'",
    "extra_body": "it belongs to the SDK's call: put its fields into the body itself",
    "grammar": "use 'response_format' with a JSON Schema",
    "guided_json": "use 'response_format' with a JSON Schema",
    "guided_regex": "use 'response_format' with a JSON Schema that has a 'pattern'",
    "guided_choice": "use 'response_format' with a JSON Schema that has an 'enum'",
    "guided_grammar": "use 'response_format' with a JSON Schema",
    "structured_outputs": "use 'response_format' with a JSON Schema",
    "chat_template": "a model's own chat template is always used",
    "stop_token_ids": "use 'stop'",
}

# Fields of which only some values agree with what is done here, and why the others are refused.
LIMITED: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "modalities": ((["text"], []), "this network answers in text only"),
    "service_tier": (("auto", "default"), "there is one tier of service"),
    "billing_mode": (("auto", "tokens"), "only tokens are billed: there are no subscriptions"),
    "safe_content_filter": ((False,), "answers are not filtered here"),
    "stream_options.include_obfuscation": ((False,), "stream obfuscation is not offered"),
    "reasoning.mode": (("standard",), "there is one mode: use 'effort'"),
    "messages[].images": (([],), "pictures are shown in messages of the user or of a tool, as parts of the content"),
    # What vLLM, SGLang, llama.cpp and OpenRouter have, at the value at which it does nothing.
    "best_of": ((1,), "use 'n'"),
    "use_beam_search": ((False,), "beam search is not offered"),
    "length_penalty": ((1,), "beam search is not offered"),
    "early_stopping": ((False,), "beam search is not offered"),
    "typical_p": ((1,), "use 'top_p' or 'min_p'"),
    "top_a": ((0,), "use 'min_p'"),
    "mirostat": ((0,), "use 'temperature' and 'top_p'"),
    "dynatemp_range": ((0,), "use 'temperature'"),
    "xtc_probability": ((0,), "use 'temperature'"),
    "dry_multiplier": ((0,), "use 'repetition_penalty'"),
    "bad_words": (([],), "use 'logit_bias'"),
    "transforms": (([],), "no message is changed or left out here"),
    "echo": ((False,), "the prompt is not given back"),
    "return_token_ids": ((False,), "an answer is text: ask for 'logprobs', which has each token's bytes"),
    "detokenize": ((True,), "an answer is text: ask for 'logprobs', which has each token's bytes"),
    "priority": ((0,), "whose turn it is depends on what each account was served"),
    "plugins": (([],), "no plugin runs here: use 'tools'"),
    "skip_special_tokens": ((True,), "an answer is text, and control tokens are none"),
    "spaces_between_special_tokens": ((True,), "an answer is text, and control tokens are none"),
    "include_stop_str_in_output": ((False,), "an answer ends before the string that stops it"),
    "separate_reasoning": ((True,), "the thought always comes apart from the text"),
    "stream_reasoning": ((True,), "the thought is streamed as the text is"),
    "reasoning_format": (("auto", "deepseek"), "the thought always comes in 'reasoning_content'"),
}

PICTURE_OF_A_TOOL = "an address or another format: it is the tool's choice, and a refusal would end the conversation"

# What is left out of a request, and the answer says so: under `auto` a model may call a tool, and never has to.
LEFT_OUT: Mapping[str, str] = {
    "messages[].content[] of a tool with a picture that cannot be read": PICTURE_OF_A_TOOL,
    "tools[] of any other type": "web_search, custom and the like are not offered: the client runs the tools here",
}
