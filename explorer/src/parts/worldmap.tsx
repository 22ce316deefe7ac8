/** Regions on a map, each as a circle that grows with its units; its filled part is used. */

import { navigate } from "../data/router";
import { regionCode, regionName } from "../data/texts";
import { drawLand, HEIGHT, type Place, placeOf, WIDTH } from "./places";

export interface RegionUnits {
  region: number;
  units: number;
  used: number;
  peers: number;
}

const LAND = drawLand();

interface Shown {
  entry: RegionUnits;
  place: Place;
  radius: number;
}

/** Push circles apart until none hides another, as far as a few rounds bring it. */
function spread(shown: Shown[]): Shown[] {
  const moved = shown.map((one) => ({ ...one, place: { ...one.place } }));
  for (let round = 0; round < 40; round += 1) {
    for (const [index, a] of moved.entries()) {
      for (const b of moved.slice(index + 1)) {
        const dx = b.place.x - a.place.x;
        const dy = b.place.y - a.place.y;
        const distance = Math.hypot(dx, dy) || 0.01;
        const push = (a.radius + b.radius + 3 - distance) / 2;
        if (push <= 0) continue;
        const [ux, uy] = [dx / distance || 1, dy / distance];
        a.place.x -= ux * push;
        a.place.y -= uy * push;
        b.place.x += ux * push;
        b.place.y += uy * push;
      }
    }
  }
  return moved;
}

function radiusOf(units: number, most: number): number {
  return 9 + 12 * Math.sqrt(units / Math.max(most, 1));
}

export function WorldMap(props: { regions: RegionUnits[]; onChoose?: (region: number) => void; chosen?: number | null }) {
  const most = Math.max(1, ...props.regions.map((entry) => entry.units));
  const shown = props.regions.flatMap((entry) => {
    const place = placeOf(regionCode(entry.region));
    return place ? [{ entry, place, radius: radiusOf(entry.units, most) }] : [];
  });
  const words = props.regions.map((e) => `${regionName(e.region)}: ${e.units} units, ${e.used} in use`).join("; ");
  const choose = props.onChoose ?? ((region: number) => navigate(`/?region=${region}`));
  return (
    <svg class="map" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Units by region. ${words || "None yet"}`}>
      <path class="map-land" d={LAND} />
      {spread(shown).map(({ entry, place, radius }) => {
        const share = entry.units > 0 ? entry.used / entry.units : 0;
        const round = 2 * Math.PI * (radius - 2);
        return (
          <g
            key={entry.region}
            class={props.chosen === entry.region ? "map-place chosen" : "map-place"}
            transform={`translate(${place.x} ${place.y})`}
            onClick={() => choose(entry.region)}
          >
            <title>{`${regionName(entry.region)}: ${entry.units} units of ${entry.peers} peers, ${entry.used} in use`}</title>
            <circle r={radius} />
            <circle
              class="map-used"
              r={radius - 2}
              stroke-dasharray={`${round * share} ${round}`}
              transform="rotate(-90)"
            />
            <text dy="0.35em">{regionCode(entry.region)}</text>
          </g>
        );
      })}
    </svg>
  );
}
