"""Forms that browsers send."""

from urllib.parse import parse_qs

from fastapi import Request

from wasmarket.kernel.errors import InvalidInput
from wasmarket.serving.bodies import read_body

MAX_FORM = 4_096


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raises InvalidInput."""
    body = await read_body(request, MAX_FORM)
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=20)
    except ValueError as error:
        raise InvalidInput("that is no form") from error
    return {name: values[0] for name, values in fields.items()}
