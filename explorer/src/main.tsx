/** The explorer: its frame, and which page an address shows. */

import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { formatCount } from "./data/amounts";
import { forgetReorg, startLive, useLive } from "./data/live";
import { navigate, usePath } from "./data/router";
import { getSettings, loadSettings } from "./data/settings";
import { AccountPage, OfferPage } from "./pages/account";
import { AuditsPage, CasePage } from "./pages/audits";
import { DealPage } from "./pages/deal";
import { EpochPage, EpochsPage } from "./pages/epochs";
import { MarketPage } from "./pages/market";
import { MatchPage } from "./pages/match";
import { PeerPage } from "./pages/peer";
import { AppPage, SearchPage, TransactionPage } from "./pages/search";
import { Link } from "./parts/basics";
import "./style.css";
import { WalletButton } from "./wallet/connect";
import { findWallets, useWallet } from "./wallet/provider";

const ROUTES: [RegExp, (match: RegExpExecArray, query: URLSearchParams) => preact.JSX.Element][] = [
  [/^\/$/, () => <MarketPage />],
  [/^\/deals\/(\d{1,15})$/, ([, id]) => <DealPage deal={Number(id)} key={id} />],
  [/^\/peers\/(\d{1,15})$/, ([, id]) => <PeerPage peer={Number(id)} key={id} />],
  [/^\/matches\/(\d{1,15})$/, ([, id]) => <MatchPage match={Number(id)} key={id} />],
  [/^\/epochs$/, () => <EpochsPage />],
  [/^\/epochs\/(\d{1,10})$/, ([, id]) => <EpochPage epoch={Number(id)} key={id} />],
  [/^\/audits$/, () => <AuditsPage />],
  [/^\/cases\/(\d{1,15})$/, ([, id]) => <CasePage case={Number(id)} key={id} />],
  [/^\/(?:accounts|providers)\/(0x[0-9a-fA-F]{40})$/, ([, address = ""]) => <AccountPage address={address} key={address} />],
  [/^\/offers\/(0x[0-9a-fA-F]{64})$/, ([, hash = ""]) => <OfferPage hash={hash} key={hash} />],
  [/^\/apps\/(0x[0-9a-fA-F]{64})$/, ([, app = ""]) => <AppPage app={app} key={app} />],
  [/^\/transactions\/(0x[0-9a-fA-F]{64})$/, ([, tx = ""]) => <TransactionPage tx={tx} key={tx} />],
  [/^\/search$/, (_, query) => <SearchPage text={query.get("q") ?? ""} />],
];

function Page(props: { path: string }) {
  const url = new URL(props.path, location.origin);
  for (const [pattern, show] of ROUTES) {
    const match = pattern.exec(url.pathname);
    if (match !== null) return show(match, url.searchParams);
  }
  return (
    <>
      <h1 tabIndex={-1}>Nothing here</h1>
      <p class="lead">
        There is no page at <b class="stranger">{props.path}</b>. <Link to="/">To the market</Link>
      </p>
    </>
  );
}

function Search() {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    function focus(event: KeyboardEvent) {
      const target = event.target as HTMLElement;
      if (event.key !== "/" || target.matches("input, select, textarea")) return;
      event.preventDefault();
      input.current?.select();
    }
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);
  return (
    <form
      role="search"
      class="search"
      onSubmit={(event) => {
        event.preventDefault();
        const text = input.current?.value.trim() ?? "";
        if (text) navigate(`/search?q=${encodeURIComponent(text)}`);
      }}
    >
      <label>
        <span class="hidden">Search for a number, address, hash, CID or alias</span>
        <input ref={input} type="search" placeholder="Number, address, hash, CID, alias   /" spellcheck={false} />
      </label>
    </form>
  );
}

const THEMES = ["auto", "light", "dark"];

function ThemeButton() {
  const [theme, setTheme] = useState(localStorage.getItem("theme") ?? "auto");
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "auto";
  return (
    <button type="button" class="quiet" onClick={() => setTheme(next)} aria-label={`Colours: ${theme}. Change to ${next}`}>
      {theme === "dark" ? "☾" : theme === "light" ? "☀" : "◐"}
    </button>
  );
}

function Connection() {
  const { connection, block, head } = useLive();
  const words = connection === "live" ? "Live" : connection === "down" ? "No connection" : "Connecting";
  const isBehind = block !== null && head !== null && head - block > 5;
  return (
    <span class={`connection ${connection}`} title={isBehind ? `the chain is at block ${head}` : undefined}>
      <span class="dot" aria-hidden="true" />
      {words}
      {block !== null && <span class="note"> block {formatCount(block)}</span>}
    </span>
  );
}

function Notices() {
  const { connection, problem, reorg, block } = useLive();
  useEffect(() => {
    if (reorg === null) return;
    const timer = setTimeout(forgetReorg, 12_000);
    return () => clearTimeout(timer);
  }, [reorg]);
  return (
    <div class="notices" aria-live="polite">
      {connection === "down" && (
        <p class="notice bad">
          <b>The matcher does not answer</b> ({problem}). It is asked again by itself; what you see is as of block{" "}
          {block === null ? "?" : formatCount(block)}.
        </p>
      )}
      {reorg !== null && (
        <p class="notice">
          <b>The chain changed its mind</b> behind block {formatCount(reorg)}: what came after it is shown anew.
          <button type="button" class="quiet" onClick={forgetReorg}>
            Hide
          </button>
        </p>
      )}
    </div>
  );
}

function Frame() {
  const path = usePath();
  const { account } = useWallet();
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const page = path.split("?")[0] ?? "/";
  useEffect(() => {
    const heading = main.current?.querySelector("h1");
    document.title = `${heading?.textContent?.trim() ?? "Market"} · Wasmarket explorer`;
    if (isFirst.current) isFirst.current = false;
    else {
      heading?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
  }, [page]);
  const { deployment } = getSettings();
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="top">
        <Link to="/" class="brand">
          <img src="/explorer/icon.svg" alt="" width="28" height="28" />
          <span>
            Wasmarket <span class="note">{deployment.name}</span>
          </span>
        </Link>
        <nav aria-label="Pages">
          <Link to="/" current={page === "/"}>
            Market
          </Link>
          <Link to="/epochs" current={page.startsWith("/epochs")}>
            Epochs
          </Link>
          <Link to="/audits" current={page === "/audits" || page.startsWith("/cases")}>
            Audits
          </Link>
          {account !== null && (
            <Link to={`/accounts/${account}`} current={page === `/accounts/${account}`}>
              Account
            </Link>
          )}
        </nav>
        <Search />
        <div class="top-end">
          <Connection />
          <ThemeButton />
          <WalletButton />
        </div>
      </header>
      <Notices />
      <main id="main" ref={main} tabIndex={-1}>
        <Page path={path} />
      </main>
      <footer>
        <span>
          Chain {deployment.chain_id} · Market <code>{deployment.contracts.Market?.address}</code>
        </span>
        <span>
          <a href={`${getSettings().matcher}/docs`}>API</a> · all times are of this browser's zone
        </span>
      </footer>
    </>
  );
}

async function start() {
  const place = document.getElementById("page");
  if (place === null) return;
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "auto";
  try {
    await loadSettings();
  } catch (error) {
    render(
      <p class="notice bad" role="alert">
        The explorer cannot start: {String(error)}. Load the page again in a moment.
      </p>,
      place,
    );
    return;
  }
  startLive();
  findWallets();
  render(<Frame />, place);
}

void start();
