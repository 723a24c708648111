"""Texts of many kinds, each some thousand characters: what tokenisers disagree about if they do."""

import json
import random

_RANDOM = random.Random(3)


def _drawn(letters: str, count: int = 2000) -> str:
    return "".join(_RANDOM.choices(letters, k=count))


WORDS = {
    "english": "The quick brown fox jumps over the lazy dog, while it rains on everybody's umbrella. " * 30,
    "code": "def read(stream: BinaryIO, most: int) -> bytes:\n    return stream.read(min(most, 1 << 20))  # bounded\n"
    * 30,
    "table": json.dumps([{"id": n, "name": f"row {n}", "price": n * 1.25} for n in range(60)]),
    "german": "Donaudampfschifffahrtsgesellschaftskapitäne grüßen über Überraschungsgäste. " * 30,
    "finnish": "kahvikuppi järjestelmällistyttämättömyydelläänsäkäänköhän jäätelötötterö " * 30,
    "russian": "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 30,
    "korean": "안녕하세요 여러분 오늘은 날씨가 아주 좋습니다. " * 30,
    "chinese": "今天天气很好，我们去公园散步吧。" * 60,
    "rare": "\U00020000\U0002a6d6" * 300,
    "japanese": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 30,
    "hindi": "मैं हिन्दी में लिखता हूँ और यह ठीक है। " * 30,
    "arabic": "مرحبا بالعالم كيف حالك اليوم؟ " * 30,
    "thai": "สวัสดีชาวโลก วันนี้อากาศดีมาก " * 30,
    "emoji": "👩‍👩‍👧‍👦🎉🇩🇪" * 60,
    "base64": _drawn("ABCDEFGHabcdefgh0123456789+/"),
    "letters": _drawn("abcdefghijklmnopqrstuvwxyz"),
    "digits": "1234567890 3.14159 ²½Ⅷ " * 60,
    "blanks": " \n\t \r\n  x   y" * 60,
    "quotes": "I'M DON'T we'Ll x's 'tis " * 60,
    "tags": "<|im_start|>user\n<think></think><tool_call></s>" * 40,
    "camel": "getHttpResponseCodeFromServerImpl " * 60,
    "surrogates": "a\ud800b\udfff " * 60,
}
