"""Publish an app and show how far it is."""

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from wasmarket.app.file import App
from wasmarket.client.developer import DeveloperClient
from wasmarket_cli.output import say

WORTH_SHOWING = 256 * 1024
"""Bytes that take a moment."""


def publish(client: DeveloperClient, app: App) -> int:
    """Send what the gateway lacks of an app, with a bar on a terminal; return the blocks sent."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("publishing"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal or app.size < WORTH_SHOWING,
    )
    try:
        with bar:
            task = bar.add_task("publishing", total=app.size)
            return client.publish(
                app, lambda done, total: bar.update(task, completed=done, total=total)
            )
    except KeyboardInterrupt:
        say("nothing was signed for money yet; what was sent stays at the gateway:", err=True)
        say("  the same command goes on where it stopped", err=True)
        raise
