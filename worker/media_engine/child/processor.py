"""What Qwen-Image-Edit reads pictures and text with, without the part for films, which would need torchvision."""

from pathlib import Path
from typing import Any, Self

from transformers import AutoTokenizer, ProcessorMixin, Qwen2VLImageProcessorPil, Qwen2VLProcessor


class PicturesAndText(Qwen2VLProcessor):  # type: ignore[misc]  # it has no types
    """Qwen2VLProcessor for pictures alone. Its pictures are scaled by Pillow, as everywhere else here."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None) -> None:
        self.image_token, self.video_token = "<|image_pad|>", "<|video_pad|>"
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """From a pipeline's folder."""
        pictures = Qwen2VLImageProcessorPil.from_pretrained(folder / "processor", local_files_only=True)
        words = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        return cls(pictures, words)
