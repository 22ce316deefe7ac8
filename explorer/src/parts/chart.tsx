/** Curves and bars. The same figures are in a table below, exact and readable without seeing. */

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface ChartProps {
  label: string;
  kind: "steps" | "bars";
  x: number[];
  y: number[];
  /** Bars behind those of `y`, as high as the whole that these are part of. */
  whole?: number[];
  formatX(value: number): string;
  formatY(value: number): string;
  /** Exact texts of the table, a row for each place. */
  rows: [string, ...string[]][];
  columns: string[];
  height?: number;
}

function colorOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Count up whenever the colours change. */
function useTheme(): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const again = () => setCount((n) => n + 1);
    const query = matchMedia("(prefers-color-scheme: dark)");
    query.addEventListener("change", again);
    const observer = new MutationObserver(again);
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      query.removeEventListener("change", again);
      observer.disconnect();
    };
  }, []);
  return count;
}

/** A length of the design, in pixels of this screen's letters. */
function scale(pixels: number): number {
  return Math.round((pixels * Number.parseFloat(getComputedStyle(document.documentElement).fontSize)) / 16);
}

function buildOptions(props: ChartProps, width: number, onPoint: (index: number | null) => void): uPlot.Options {
  const line = colorOf("--accent");
  const axis: uPlot.Axis = {
    stroke: colorOf("--soft"),
    grid: { stroke: colorOf("--grid"), width: 1 },
    ticks: { show: false },
    font: `${scale(12)}px system-ui, sans-serif`,
  };
  const paths = props.kind === "steps" ? uPlot.paths.stepped?.({ align: -1 }) : uPlot.paths.bars?.({ size: [0.7, scale(46)], radius: 0.15 });
  const bars: uPlot.Series = { width: 0, points: { show: false }, ...(paths === undefined ? {} : { paths }) };
  const series: uPlot.Series[] = [
    {},
    ...(props.whole === undefined ? [] : [{ ...bars, fill: colorOf("--accent-wash") }]),
    {
      stroke: line,
      fill: props.kind === "bars" ? line : colorOf("--accent-wash"),
      width: props.kind === "bars" ? 0 : 2.5,
      points: { show: false },
      ...(paths === undefined ? {} : { paths }),
    },
  ];
  const distr = props.kind === "bars" && props.x.length > 0;
  const first = props.x[0] ?? 0;
  const last = props.x.at(-1) ?? 1;
  return {
    width,
    height: scale(props.height ?? 240),
    cursor: { y: false, points: { size: 7 } },
    legend: { show: false },
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
    scales: {
      x: { time: false, range: distr ? [first - 0.6, Math.max(last, first + 7) + 0.6] : [0, Math.max(last, 1)] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.12 : 1] },
    },
    axes: [
      {
        ...axis,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10_000, 100_000, 1_000_000],
        values: (_, values) => values.map(props.formatX),
        space: scale(84),
        size: scale(34),
      },
      { ...axis, values: (_, values) => values.map(props.formatY), size: scale(62) },
    ],
    series,
  };
}

/** What is at a place of the chart, as its row of the table says it. */
function describePoint(props: ChartProps, point: number): string {
  // A curve of steps begins at a place of its own, before its first row.
  const row = props.rows[props.kind === "steps" ? Math.max(point - 1, 0) : point];
  return row === undefined ? "" : props.columns.map((name, index) => `${name} ${row[index]}`).join(" · ");
}

export function Chart(props: ChartProps) {
  const room = useRef<HTMLDivElement>(null);
  const drawn = useRef<uPlot | null>(null);
  const theme = useTheme();
  const [point, setPoint] = useState<number | null>(null);
  const data: uPlot.AlignedData = props.whole === undefined ? [props.x, props.y] : [props.x, props.whole, props.y];
  const shape = `${props.kind}${props.x.length}:${props.x[0]}:${props.x.at(-1)}`;
  useEffect(() => {
    const place = room.current;
    if (place === null) return;
    const plot = new uPlot(buildOptions(props, place.clientWidth || 300, setPoint), data, place);
    drawn.current = plot;
    const observer = new ResizeObserver(() => {
      if (place.clientWidth > 0) plot.setSize({ width: place.clientWidth, height: scale(props.height ?? 240) });
    });
    observer.observe(place);
    return () => {
      observer.disconnect();
      plot.destroy();
      drawn.current = null;
    };
  }, [theme, shape]);
  useEffect(() => drawn.current?.setData(data), [data.slice(1).join("|")]);
  return (
    <figure class="chart">
      <figcaption>{point === null ? props.label : describePoint(props, point)}</figcaption>
      <div ref={room} role="img" aria-label={props.label} />
      <details>
        <summary>The same as a table</summary>
        <div class="table-room" tabIndex={0} role="region" aria-label={props.label}>
          <table>
            <thead>
              <tr>
                {props.columns.map((name, index) => (
                  <th scope="col" key={name} class={index > 0 ? "number" : undefined}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {props.rows.map((row) => (
                <tr key={row.join()}>
                  {row.map((text, index) => (
                    <td key={index} class={index > 0 ? "number" : undefined}>
                      {text}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}
