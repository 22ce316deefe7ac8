/** Assignments of a deal along the epochs: who ran it when, for how much, and why it ended. */

import { formatCount } from "../data/amounts";
import { capitalize, formatTime, startOf } from "../data/texts";
import type { Assignment } from "../data/views";
import { Link, RegionName, State, Usdc } from "./basics";

interface Bar {
  assignment: Assignment;
  from: number;
  until: number;
}

/** First and last epoch of a bar; what goes on ends with the epoch of today. */
function barOf(assignment: Assignment, epochSeconds: number, now: number): Bar {
  const assigned = Math.floor(assignment.assigned_at / epochSeconds);
  const ended = assignment.ended_at === null ? now : Math.floor(assignment.ended_at / epochSeconds);
  const until = assignment.start !== null && assignment.end !== null ? assignment.end : ended;
  return { assignment, from: assignment.start ?? assigned, until: Math.min(until, now) };
}

function endText(assignment: Assignment): string {
  if (assignment.alive) return "";
  const why = assignment.why_text ?? assignment.ended_kind;
  return why === null ? "its run is over" : capitalize(why);
}

export function Timeline(props: { assignments: Assignment[]; epoch: number; epochSeconds: number }) {
  if (props.assignments.length === 0) return <p class="empty">No peer was ever assigned.</p>;
  const bars = props.assignments.map((entry) => barOf(entry, props.epochSeconds, props.epoch));
  const first = Math.min(...bars.map((bar) => bar.from));
  const span = Math.max(props.epoch - first + 1, 1);
  const place = (epoch: number) => (1000 * (epoch - first)) / span;
  return (
    <div class="timeline">
      <div class="timeline-axis" aria-hidden="true">
        <span>{formatTime(startOf(first))}</span>
        <span>epoch {formatCount(props.epoch)}, now</span>
      </div>
      <ol>
        {bars.map(({ assignment, from, until }) => (
          <li key={assignment.id} id={`assignment-${assignment.id}`}>
            <div class="timeline-words">
              <Link to={`/peers/${assignment.peer}`}>peer {assignment.peer}</Link>
              <RegionName region={assignment.region} />
              <State name={assignment.alive ? assignment.state : "ended"} />
              <span>
                {assignment.units} × <Usdc amount={assignment.price} />
              </span>
              {!assignment.alive && <span class="note">{endText(assignment)}</span>}
            </div>
            <svg
              viewBox="0 0 1000 12"
              preserveAspectRatio="none"
              role="img"
              aria-label={`Assignment ${assignment.id}, epochs ${from} to ${until}`}
            >
              <rect class="timeline-room" width="1000" height="12" rx="3" />
              <rect
                class={`timeline-bar ${assignment.alive ? assignment.state : "ended"}`}
                x={place(from)}
                width={Math.max(place(until + 1) - place(from), 6)}
                height="12"
                rx="3"
              />
            </svg>
          </li>
        ))}
      </ol>
    </div>
  );
}
