"""A browser that visits the explorer, and a wallet in it that signs what it is asked to."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account as EthAccount
from eth_account.messages import encode_typed_data

from tests.e2e.market_driver import WAIT_SECONDS, MarketDriver, wait_until
from tests.paths import CHECKOUT
from wasmarket.chain.sending.wallet import load_account
from wasmarket.serving.explorer.files import load_site

# Only these tests need it: where it is missing they are skipped, and no others.
expect = pytest.importorskip("playwright.sync_api", reason="`make setup` installs it").expect
CHROMIUM = Path("/usr/bin/chromium")
AXE = CHECKOUT / "explorer" / "node_modules" / "axe-core" / "axe.min.js"
WANTS_PICTURES = bool(os.environ.get("WASMARKET_TEST_PICTURES"))
"""Whether the pictures of the documentation are taken anew, into docs/pictures."""
PICTURES = ("market", "deal", "match")
MILLISECONDS = WAIT_SECONDS * 1000
NEEDS_BROWSER = (
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
    pytest.mark.skipif(
        not (load_site() and AXE.exists()), reason="`make setup` builds the explorer"
    ),
)
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
expect.set_options(timeout=MILLISECONDS)
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
ANNOUNCE = """
const listeners = {};
const provider = {
    request: async (question) => {
        const answer = JSON.parse(await window.askWallet(JSON.stringify(question)));
        if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
        return answer.result;
    },
    on: (name, listener) => { listeners[name] = listener; },
};
const info = {uuid: "b3a1", name: "<b>Test</b> wallet", icon: "data:,", rdns: "org.example"};
const announce = () => window.dispatchEvent(new CustomEvent(
    "eip6963:announceProvider", {detail: Object.freeze({info, provider})}));
window.addEventListener("eip6963:requestProvider", announce);
announce();
"""


class Visitor:
    """One person at one browser: looks at pages, and acts where they have a wallet."""

    def __init__(self, browser: Any, market: MarketDriver) -> None:
        """Nothing is opened yet."""
        self.market = market
        self.url = market.client().gateway.url + "/explorer"
        self.context = browser.new_context(viewport=DESK)
        self.context.set_default_timeout(MILLISECONDS)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.asked: set[str] = set()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog {dialog.message}"))

    def close(self) -> None:
        """End the visit."""
        self.context.close()

    def open(self, path: str) -> None:
        """Go to an address of the explorer; wait until all of it is there."""
        self.page.goto(self.url + path)
        self.wait_loaded()

    def wait_loaded(self) -> None:
        """Wait until nothing of the page is still being read."""
        self.page.locator("h1").wait_for()
        expect(self.page.locator(".loading")).to_have_count(0)

    def find_barriers(self, rules: Sequence[str] = RULES) -> list[str]:
        """Return what axe finds against the page by these rules, or rules of these tags."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate(f"axe.run({{runOnly: {json.dumps(rules)}}})")
        return [
            f"{entry['id']}: {[node['html'][:200] for node in entry['nodes']]}"
            for entry in found["violations"]
        ]

    def find_pale_texts(self) -> list[str]:
        """Return what is hard to read in the colours of now."""
        return self.find_barriers(["color-contrast"])

    def wait_fitted(self) -> None:
        """Wait until the page is no wider than its window, which charts find out after the rest."""
        fits = "document.documentElement.scrollWidth <= innerWidth"
        wait_until("the page fits", lambda: self.page.evaluate(fits))

    def picture(self, name: str) -> None:
        """Keep a picture for the documentation, if it has one of this name and it was asked for."""
        if WANTS_PICTURES and name in PICTURES:
            folder = CHECKOUT / "docs" / "pictures"
            folder.mkdir(exist_ok=True)
            self.page.screenshot(path=folder / f"{name}.png")

    def take_wallet(self, name: str) -> None:
        """Have a wallet with one of the market's keys in all pages that are opened from now on."""
        self._key = load_account(self.market.home.keys, name, "").key
        self.address = self.market.address(name)
        self.context.expose_function("askWallet", self._answer_wallet)
        self.context.add_init_script(ANNOUNCE)

    def connect(self) -> None:
        """Connect the wallet."""
        self.page.get_by_role("button", name="Connect wallet").click()
        self.page.get_by_role("button", name="Test").click()
        expect(self.page.get_by_role("link", name=f"Your account {self.address}")).to_be_visible()

    def start(self, name: str) -> Any:
        """Open an action, if it is not open; return its dialog."""
        dialog = self.page.get_by_role("dialog", name=name, exact=True)
        if not dialog.is_visible():
            self.page.get_by_role("button", name=name, exact=True).click()
        dialog.wait_for()
        return dialog

    def act(self, name: str, **fields: str) -> dict[str, tuple[str, str]]:
        """Do one signed action; `fields` by the beginnings of their labels. Returns as `sign`."""
        dialog = self.start(name)
        for label, text in fields.items():
            dialog.get_by_role("textbox", name=re.compile(f"^{label}")).fill(text)
        return self.sign(name)

    def sign(self, name: str) -> dict[str, tuple[str, str]]:
        """Look at what an open action changes, sign it, close it when it is done.

        Returns each amount before and after, as it was shown first.
        """
        dialog = self.start(name)
        look = dialog.get_by_role("button", name="Show what it changes")
        look.click()
        button = dialog.get_by_role("button", name="Sign in the wallet")
        expect(button.or_(dialog.get_by_role("alert"))).to_be_visible()
        problems = dialog.get_by_role("alert").all_inner_texts()
        assert not problems, problems
        shown = {
            row.locator("th").inner_text(): (
                row.locator("td").nth(0).inner_text(),
                row.locator("td").nth(1).inner_text(),
            )
            for row in dialog.locator(".changes tbody tr").all()
        }
        button.click()
        expect(look.or_(dialog.get_by_role("alert"))).to_be_visible()
        problems = dialog.get_by_role("alert").all_inner_texts()
        assert not problems, problems
        dialog.get_by_role("button", name="Close").click()
        return shown

    def _hear(self, message: Any) -> None:
        # A service that is away is shown on the page; the browser writes it to its console as well.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def _answer_wallet(self, question: str) -> str:
        asked = json.loads(question)
        rpc = self.market.wiring.rpc
        method, params = asked["method"], asked.get("params") or []
        if method == "eth_requestAccounts":
            return json.dumps({"result": [self.address]})
        if method == "eth_signTypedData_v4":
            signed = EthAccount.sign_message(
                encode_typed_data(full_message=json.loads(params[1])), self._key
            )
            return json.dumps({"result": "0x" + signed.signature.hex().removeprefix("0x")})
        try:
            if method == "eth_sendTransaction":
                rpc.request("anvil_impersonateAccount", [self.address])
            return json.dumps({"result": rpc.request(method, params)})
        except Exception as error:
            # As wallets do: the page is told what the node said.
            return json.dumps({"error": {"code": -32603, "message": str(error)}})
