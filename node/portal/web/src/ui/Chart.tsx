import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'react';
import { useStore } from '@/api/store';
import { useFormats } from '@/i18n/format';
import { theme } from '@/shell/theme';

const height = 200; // of the plot, in CSS pixels

interface Props {
  label: string;
  unit: string;
  times: number[]; // seconds, rising
  values: (number | null)[];
}

/** What does not change lies in the middle, with a little room; what does gets a twentieth more on either side. */
const apart = (least: number) => (_: uPlot, min: number | null, max: number | null): [number, number] => {
  if (min === null || max === null) return [0, 1];
  const room = max > min ? (max - min) * (least === 1 ? 0.08 : 0) : least;
  return [min - room, max + room];
};

/** A Chart takes its colours from the page's own, so that it can be read in both themes. */
export default function Chart({ label, unit, times, values }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chosen = useStore(theme);
  const f = useFormats();
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const colour = (name: string) => getComputedStyle(el).getPropertyValue(name).trim();
    const axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line'), width: 1 } };
    const plot = new uPlot(
      {
        width: el.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false },
        scales: { x: { range: apart(30) }, y: { range: apart(1) } },
        series: [{}, { label, stroke: colour('--accent'), width: 2, fill: colour('--accent-ground'), points: { show: times.length < 20 } }],
        axes: [{ ...axis, space: 76, values: (_, ticks) => ticks.map((s) => f.tick(s, times)) }, { ...axis, size: (_, ticks) => Math.max(56, 18 + 7 * Math.max(0, ...(ticks ?? []).map((v) => v.length))), values: (_, ticks) => ticks.map((v) => f.value(v)) }],
      },
      [times, values],
      el,
    );
    const resize = new ResizeObserver(() => plot.setSize({ width: el.clientWidth, height }));
    resize.observe(el);
    return () => {
      resize.disconnect();
      plot.destroy();
    };
  }, [label, times, values, chosen, f]);
  const numbers = values.filter((v): v is number => v !== null);
  const summary = numbers.length ? `${label}: ${Math.min(...numbers)} – ${Math.max(...numbers)} ${unit}` : label;
  // Time runs from left to right in every language, as clocks and paper recorders do.
  return <div ref={box} dir="ltr" role="img" aria-label={summary} className="w-full" />;
}
