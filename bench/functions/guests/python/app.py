"""What is measured: a text in, a text out."""


def greet(name: str) -> str:
    return f"Hello, {name}!"
