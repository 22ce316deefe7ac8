"""Hand the wiring of one run to its commands: settings read once, clients made on first use."""

import os

import click

from wasmarket.client.settings import load_configuration
from wasmarket.client.wiring import Wiring
from wasmarket.kernel.signing.plan import SigningPlan
from wasmarket_cli.options import is_dry


def wire(ctx: click.Context) -> Wiring:
    """Return the wiring of a click context, made on first use."""
    root = ctx.find_root()
    if not isinstance(root.obj, Wiring):
        home, profile = root.obj
        plan = SigningPlan() if is_dry(ctx) else None
        root.obj = Wiring(load_configuration(home, os.environ, profile), plan=plan)
        root.call_on_close(root.obj.close)
    return root.obj
