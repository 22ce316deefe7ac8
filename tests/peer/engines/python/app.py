"""What could differ from processor to processor in Python: as in `javascript/app.js`."""

import json
import math
import random
import re
import unicodedata
from collections import Counter


def reckon(numbers: list[float]) -> str:
    all_of = (math.sin, math.cos, math.tan, math.atan, math.cbrt, math.tanh, math.frexp)
    each = [[function(n) for function in all_of] for n in numbers]
    sums = [math.fsum(n / 3 for n in numbers[:end]) for end in range(len(numbers))]
    rests = [[math.fmod(n, 7), round(n, 2) if n < 1e99 else 0.0] for n in numbers]
    return json.dumps([each, sums, rests, math.nan, [f"{n:.3g} {n!r}" for n in numbers]])


def count(text: str) -> list[str]:
    words = Counter(re.findall(r"[^\W\d_]+", text.upper()))
    found = sorted(words.items(), key=lambda pair: (-pair[1], pair[0]))
    return [f"{unicodedata.normalize('NFD', word)} {times}" for word, times in found]


def squares(digits: int) -> str:
    return str(3**digits % 10**40)


def chance() -> str:
    return json.dumps([random.random(), hash("so"), list({"a", "b", "c", "d"})])


def mistake() -> str:
    return {}["nothing"]
