"""Say things to people, once each: in the log, by webhook, mail and command.

What is to be sent stands in the journal until each channel has taken it. A process that ends
between sending and writing that down sends it again under the same id, by which receivers know it.
"""

import hashlib
import hmac
import logging
import secrets
import smtplib
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from keeper.book import KeeperBook
from keeper.policy import Mail, NoticeRules
from wasmarket.kernel.errors import ConfigError

logger = logging.getLogger(__name__)

SIGNATURE_HEADER: Final = "Wasmarket-Signature"
"""`t=<seconds>,v1=<hex HMAC-SHA256 of "<seconds>.<body>">`, as the payment gateway signs."""
COMMAND_SECONDS: Final = 30
MAIL_SECONDS: Final = 20
MOST_UNSENT: Final = 1_000
FAILURES: Final = (httpx.HTTPError, OSError, smtplib.SMTPException, subprocess.SubprocessError)


class Urgency(StrEnum):
    """How much a notice matters."""

    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something to be said; `about` and `value` tell it from what was said before."""

    about: str
    value: Any
    level: Urgency
    text: str
    deal: int | None = None
    peer: int | None = None
    id: str = field(default="", compare=False)
    """Of this notice alone; the same when it is sent twice."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON values, as webhooks get it."""
        return {
            "id": self.id,
            "about": self.about,
            "level": str(self.level),
            "text": self.text,
            "deal": self.deal,
            "peer": self.peer,
        }


Channel = Callable[[Announcement], None]
"""Sends a notice. Raises one of FAILURES: it is tried again."""


class Notices:
    """Sends each notice by every channel; what a channel does not take waits for the next turn."""

    def __init__(self, book: KeeperBook, channels: Mapping[str, Channel]) -> None:
        """`channels` by their names, which the journal knows them by."""
        self._book = book
        # Deals and peers are looked at in two threads.
        self._lock = threading.Lock()
        self._channels = channels
        self.problem = ""
        """Why the last notice that failed was not sent; empty if all were."""

    def say(self, notice: Announcement) -> None:
        """Say it unless it was said already."""
        with self._lock:
            if self._book.was_told(notice.about, notice.value):
                return
            name = secrets.token_hex(8)
            document = replace(notice, id=name).document()
            self._book.tell(notice.about, notice.value, document, name, tuple(self._channels))
        write = logger.info if notice.level is Urgency.INFO else logger.warning
        write(notice.text, extra={"about": notice.about})

    def withdraw(self, about: str) -> None:
        """Note that it holds no more: it is said again when it does."""
        self._book.tell(about, None)

    def deliver(self) -> None:
        """Send what is unsent."""
        with self._lock:
            self.problem = ""
            for name, channel in self._channels.items():
                self._deliver(name, channel)

    def _deliver(self, name: str, channel: Channel) -> None:
        unsent = self._book.find_unsent(name)
        for key, _ in unsent[:-MOST_UNSENT]:
            self._book.note_sent(key, name, dropped=True)
        for key, line in unsent[-MOST_UNSENT:]:
            try:
                channel(_read_announcement(line))
            except FAILURES as error:
                self.problem = f"a notice was not sent: {error}"
                return
            self._book.note_sent(key, name)


def _read_announcement(line: Mapping[str, Any]) -> Announcement:
    said = line["notice"]
    return Announcement(
        line["about"],
        line["value"],
        Urgency(said["level"]),
        said["text"],
        said["deal"],
        said["peer"],
        line["id"],
    )


def build_channels(rules: NoticeRules, http: httpx.Client, *, base: Path) -> dict[str, Channel]:
    """Return the channels of a policy; files are relative to `base`. Raises ConfigError."""
    channels: dict[str, Channel] = {}
    if rules.webhook:
        secret = _read_secret(base / rules.webhook_secret_file)
        channels["webhook"] = lambda notice: _post(http, rules.webhook, secret, notice)
    if rules.command:
        channels["command"] = lambda notice: _run(rules.command, notice)
    if rules.mail is not None:
        mail = rules.mail
        password = _read_secret(base / mail.password_file).decode() if mail.user else ""
        channels["mail"] = lambda notice: _mail(mail, password, notice)
    return channels


def sign_body(secret: bytes, body: bytes, now: int) -> str:
    """Return the value of SIGNATURE_HEADER for a body sent at `now`."""
    digest = hmac.new(secret, b"%d.%b" % (now, body), hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"


def _read_secret(path: Path) -> bytes:
    try:
        secret = path.expanduser().read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", field="notices") from error
    if not secret:
        raise ConfigError(f"{path} is empty", field="notices")
    return secret


def _post(http: httpx.Client, url: str, secret: bytes, notice: Announcement) -> None:
    body = msgspec.json.encode(notice.document())
    headers = {
        "Content-Type": "application/json",
        SIGNATURE_HEADER: sign_body(secret, body, int(time.time())),
    }
    http.post(url, content=body, headers=headers).raise_for_status()


def _run(command: Sequence[str], notice: Announcement) -> None:
    """Run the command with the text as its last argument and the notice as JSON on its input."""
    subprocess.run(
        [*command, notice.text],
        input=msgspec.json.encode(notice.document()),
        check=True,
        timeout=COMMAND_SECONDS,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _mail(mail: Mail, password: str, notice: Announcement) -> None:
    message = EmailMessage()
    message["From"], message["To"] = mail.sender, ", ".join(mail.to)
    message["Subject"] = f"[wasmarket] {notice.text[:120]}"
    message["Message-ID"] = f"<{notice.id}.wasmarket@{mail.sender.rpartition('@')[2].rstrip('>')}>"
    message.set_content(notice.text + "\n")
    with smtplib.SMTP(mail.host, mail.port, timeout=MAIL_SECONDS) as server:
        if mail.user:
            server.starttls()
            server.login(mail.user, password)
        server.send_message(message)
