"""The names of the six tools, by themselves: a flag of the worker is read without the library of the wire's types."""

from typing import Literal, get_args

Tool = Literal["generate_image", "edit_image", "generate_video", "sound_to_video", "video_to_video", "generate_music"]
TOOLS: tuple[Tool, ...] = get_args(Tool)
