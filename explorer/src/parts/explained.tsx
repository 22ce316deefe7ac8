/** Why an offer has the units it has, as the matcher's own engine says. */

import { useMatcher } from "../data/resources";
import { formatUsdc } from "../data/amounts";
import { capitalize, pluralOf, regionsOf } from "../data/texts";
import type { Explanation } from "../data/views";
import { Shown, Usdc } from "./basics";

const MONEY = new Set(["max_price", "deposit"]);

function valueOf(field: string, value: string | string[]): string {
  if (Array.isArray(value)) return value.join(", ") || "none";
  if (MONEY.has(field)) return `${formatUsdc(value)} USDC`;
  if (field === "regions") return value === "0" ? "anywhere" : regionsOf(BigInt(value)).join(", ");
  return value;
}

export function Explained(props: { offer: string }) {
  const found = useMatcher<Explanation>(`/v1/developer-offers/${props.offer}/explain`);
  return (
    <Shown of={found} missing="This matcher does not know the offer: another one has it.">
      {(said) => {
        const excluded = said.excluded.filter((entry) => entry.alone.units > 0);
        return (
        <div class="explained">
          <p>
            It wants <b>{pluralOf(said.want, "unit")}</b> more and would get <b>{said.units}</b> of them now.
            {said.price_distance.any !== null && said.price_distance.any !== "0" && (
              <>
                {" "}
                Its limit must rise by <Usdc amount={said.price_distance.any} /> for the first.
              </>
            )}
          </p>
          {said.relaxations.length > 0 && (
            <ul>
              {said.relaxations.map((change, index) => (
                <li key={index}>
                  {capitalize(change.field)} from {valueOf(change.field, change.from)} to{" "}
                  <b>{valueOf(change.field, change.to)}</b> gives {pluralOf(change.units, "unit")}, the dearest at{" "}
                  <Usdc amount={change.price} />
                </li>
              ))}
            </ul>
          )}
          {excluded.length > 0 && (
            <ul>
              {excluded.map((entry) => (
                <li key={entry.constraint}>
                  <b>{capitalize(entry.constraint)}</b> keeps out {pluralOf(entry.alone.units, "unit")}
                  {entry.alone.peers > 0 && ` of ${pluralOf(entry.alone.peers, "peer")}`}
                </li>
              ))}
            </ul>
          )}
          {said.notes.map((note) => (
            <p class="note" key={note}>
              {capitalize(note)}
            </p>
          ))}
        </div>
        );
      }}
    </Shown>
  );
}
