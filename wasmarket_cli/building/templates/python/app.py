"""What others can call: every public function of this module."""

from dataclasses import dataclass

from wasmarket_guest import Failure, Result, u32


@dataclass
class Greeting:
    text: str
    length: u32


def greet(name: str) -> Greeting:
    text = f"Hello, {name}!"
    return Greeting(text, len(text))


def divide(a: float, b: float) -> Result[float]:
    if b == 0:
        raise Failure("division by zero")
    return a / b
