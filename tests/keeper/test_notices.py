"""Notices go by every channel, and wait where one fails."""

import hashlib
import hmac
import json
import sys

import httpx
import pytest

from keeper.book import KeeperBook
from keeper.notices import SIGNATURE_HEADER, Announcement, Notices, Urgency, build_channels
from keeper.policy import Mail, NoticeRules
from wasmarket.kernel.errors import ConfigError

pytestmark = pytest.mark.unit

NOTICE = Announcement("runway:7", 3, Urgency.WARNING, "deal 7 lasts 2 days more", deal=7)


def rules(**terms):
    usual = {
        "days": (7,),
        "webhook": "",
        "webhook_secret_file": "",
        "command": (),
        "mail": None,
    }
    return NoticeRules(**(usual | terms))


@pytest.fixture
def book(tmp_path):
    opened = KeeperBook(tmp_path / "journal.jsonl")
    yield opened
    opened.close()


def test_webhook__of_a_notice__is_signed_so_that_the_receiver_knows_it(tmp_path, book):
    (tmp_path / "secret").write_text("hush\n")
    seen = []
    transport = httpx.MockTransport(lambda request: seen.append(request) or httpx.Response(204))
    chosen = rules(webhook="http://hook/x", webhook_secret_file="secret")
    with httpx.Client(transport=transport) as http:
        notices = Notices(book, build_channels(chosen, http, base=tmp_path))
        notices.say(NOTICE)
        notices.deliver()

    [request] = seen
    when, _, digest = request.headers[SIGNATURE_HEADER].partition(",v1=")
    signed = when.removeprefix("t=").encode() + b"." + request.content
    assert hmac.new(b"hush", signed, hashlib.sha256).hexdigest() == digest
    assert json.loads(request.content)["deal"] == 7


def test_webhook__that_fails__is_tried_again_and_says_why(tmp_path, book):
    (tmp_path / "secret").write_text("hush")
    answers = [500, 204]
    transport = httpx.MockTransport(lambda request: httpx.Response(answers.pop(0)))
    chosen = rules(webhook="http://hook/x", webhook_secret_file="secret")
    with httpx.Client(transport=transport) as http:
        notices = Notices(book, build_channels(chosen, http, base=tmp_path))
        notices.say(NOTICE)
        notices.deliver()
        assert "500" in notices.problem

        notices.deliver()

    assert (notices.problem, answers) == ("", [])


def test_command__of_a_notice__gets_text_and_document(tmp_path, book):
    script = tmp_path / "told.py"
    script.write_text(
        "import sys, pathlib\n"
        f"pathlib.Path({str(tmp_path / 'out')!r}).write_text(sys.argv[1] + sys.stdin.read())\n"
    )
    chosen = rules(command=(sys.executable, str(script)))
    with httpx.Client() as http:
        notices = Notices(book, build_channels(chosen, http, base=tmp_path))
        notices.say(NOTICE)
        notices.deliver()

    text = (tmp_path / "out").read_text()
    assert text.startswith(NOTICE.text)
    assert json.loads(text.removeprefix(NOTICE.text))["level"] == "warning"


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_secret__that_is_not_there__is_said_at_the_start(tmp_path, name):
    (tmp_path / "empty").touch()
    mail = Mail("127.0.0.1", 25, "a@b", ("c@d",), "user", name)

    with httpx.Client() as http, pytest.raises(ConfigError, match=name):
        build_channels(rules(mail=mail), http, base=tmp_path)


class Channel:
    """Takes notices, or fails where it is told to; `dies`: the process ends behind the sending."""

    def __init__(self):
        self.taken = []
        self.is_down = self.dies = False

    def __call__(self, notice):
        if self.is_down:
            raise OSError("down")
        self.taken.append(notice)
        if self.dies:
            raise KeyboardInterrupt


def test_notice__said_before_a_restart__is_not_said_again(tmp_path, book):
    channel = Channel()
    notices = Notices(book, {"list": channel})
    notices.say(NOTICE)
    notices.deliver()
    book.close()
    again = KeeperBook(tmp_path / "journal.jsonl")

    notices = Notices(again, {"list": channel})
    notices.say(NOTICE)
    notices.deliver()
    again.close()

    assert channel.taken == [NOTICE]


def test_notice__not_sent_before_a_restart__is_sent_after_it_by_that_channel_only(tmp_path, book):
    mail, hook = Channel(), Channel()
    mail.is_down = True
    notices = Notices(book, {"mail": mail, "hook": hook})
    notices.say(NOTICE)
    notices.deliver()
    assert "down" in notices.problem
    book.close()
    again = KeeperBook(tmp_path / "journal.jsonl")
    mail.is_down = False

    notices = Notices(again, {"mail": mail, "hook": hook, "command": Channel()})
    notices.deliver()
    notices.deliver()
    again.close()

    assert mail.taken == hook.taken == [NOTICE]
    assert mail.taken[0].id == hook.taken[0].id != ""


def test_notice__process_that_ended_while_it_sent__is_sent_again_under_its_id(tmp_path, book):
    channel = Channel()
    channel.dies = True
    notices = Notices(book, {"list": channel})
    notices.say(NOTICE)
    with pytest.raises(KeyboardInterrupt):
        notices.deliver()
    book.close()
    again = KeeperBook(tmp_path / "journal.jsonl")
    channel.dies = False

    Notices(again, {"list": channel}).deliver()
    again.close()

    assert len({notice.id for notice in channel.taken}) == 1
    assert len(channel.taken) == 2
