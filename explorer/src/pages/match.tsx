/** A match: what was computed from which book, who lost and by how much, checked in this page. */

import { useEffect, useState } from "preact/hooks";

import { checkMatch, type Checked, type Contender } from "../chain/books";
import { describeWish } from "../chain/wishes";
import { formatCount, formatPpm } from "../data/amounts";
import { askMatcherBytes, Problem } from "../data/fetching";
import { useMatcher } from "../data/resources";
import { contractAddress, getSettings } from "../data/settings";
import { capitalize, pluralOf } from "../data/texts";
import type { Match } from "../data/views";
import { Card, DealName, Facts, Name, OfferName, PeerName, RegionName, Shown, Table, Tile, Tiles, Usdc } from "../parts/basics";
import { Findings } from "../parts/findings";

const MOST_BYTES = 32 * 1024 * 1024;

function outcomeOf(entry: Contender) {
  if (entry.units > 0) return <b>{pluralOf(entry.units, "unit")} taken</b>;
  if (entry.reason !== null) return capitalize(entry.reason);
  if (entry.lostBy === null) return "not needed";
  if (entry.lostBy > 0n) return <>too dear by <Usdc amount={entry.lostBy} /> a unit</>;
  return "as cheap, but later in the book or taken by another deal";
}

function Why(props: { match: Match }) {
  const [checked, setChecked] = useState<Checked | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const { match } = props;
  useEffect(() => {
    let isOver = false;
    setChecked(null);
    setProblem(null);
    askMatcherBytes(`/v1/books/${match.book}`, MOST_BYTES)
      .then((content) => checkMatch(match, content, getSettings().deployment.chain_id, contractAddress("Market")))
      .then((found) => !isOver && setChecked(found))
      .catch((error) => !isOver && setProblem(error instanceof Problem ? error.message : `the book cannot be read: ${error}`));
    return () => {
      isOver = true;
    };
  }, [match.book, match.id]);
  if (problem !== null) {
    return (
      <Card title="Its book" wide>
        <p class="problem" role="alert">
          {capitalize(problem)}. <code>wasmarket match verify</code> checks it on your machine.
        </p>
      </Card>
    );
  }
  if (checked === null) return <p class="loading">Fetching its book and checking it …</p>;
  return (
    <>
      <Card title="Checked in this page" note="Computed anew from the book's bytes; nothing was asked of anybody else">
        <Findings findings={checked.findings} />
        <p class="note">
          The replay of the whole round, the state of the chain, and what is said of peers are checked by{" "}
          <code>wasmarket match verify {match.deal ?? ""}</code>.
        </p>
      </Card>
      {checked.demand?.wish !== undefined && (
        <Card title="What the developer wished" note="Signed beside the offer; the chain does not know it">
          <p class="stranger">{capitalize(describeWish(checked.demand.wish.wish))}.</p>
        </Card>
      )}
      <Card
        title="Why these peers, why not others"
        note={`All ${formatCount(checked.contenders.length)} offers of the book, for this developer`}
        wide
      >
        <Table
          caption="Offers of the book"
          rows={checked.contenders}
          keyOf={(row) => row.hash}
          most={20}
          columns={[
            { name: "Peer", cell: (row) => <PeerName peer={row.peer.id} /> },
            { name: "Region", cell: (row) => <RegionName region={row.peer.region} /> },
            { name: "Price", isNumber: true, cell: (row) => <Usdc amount={row.price} /> },
            { name: "Units free", isNumber: true, cell: (row) => Math.max(0, row.peer.units - row.peer.used) },
            { name: "What became of it", isText: true, cell: outcomeOf },
            { name: "Offer", cell: (row) => <OfferName hash={row.hash} /> },
          ]}
        />
      </Card>
    </>
  );
}

export function MatchPage(props: { match: number }) {
  const found = useMatcher<Match>(`/v1/matches/${props.match}`);
  return (
    <>
      <h1 tabIndex={-1}>Match {props.match}</h1>
      <Shown of={found} missing={`This matcher has no match ${props.match}; it keeps records of its own alone.`}>
        {(match) => (
          <>
            <Tiles>
              <Tile label="Deal">{match.deal === null ? "–" : <DealName deal={match.deal} />}</Tile>
              <Tile label="Units">{match.fills.reduce((sum, fill) => sum + fill.units, 0)}</Tile>
              <Tile label="Costs an epoch">
                <Usdc amount={match.total} />
              </Tile>
              <Tile label="Gap of its round" note="a perfect one would give at most so much more">
                {formatPpm(match.gap_ppm)}
              </Tile>
            </Tiles>
            <div class="grid">
              <Card title="Record">
                <Facts
                  rows={[
                    ["Developer's offer", <OfferName hash={match.offer} />],
                    ["Computed at block", formatCount(match.block)],
                    ["Engine", <code>{match.engine}</code>],
                    ["Book", <Name text={match.book} what="book" />],
                    ["Surplus", <Usdc amount={match.saving} />],
                    ["Most the round could give", <Usdc amount={match.bound} />],
                    ["Sent in", match.tx === null ? "not sent" : <Name text={match.tx} to={`/transactions/${match.tx}`} what="transaction" />],
                  ]}
                />
              </Card>
              <Why match={match} />
            </div>
          </>
        )}
      </Shown>
    </>
  );
}
