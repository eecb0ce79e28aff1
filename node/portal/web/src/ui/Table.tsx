import type { ReactNode } from 'react';

export interface Column<T> {
  name: string;
  cell: (row: T) => ReactNode;
  /** Figures are set to the end of the line, so that digits stand above digits. */
  figures?: boolean;
  /** Left out on a phone, where the row's page has it. */
  wide?: boolean;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  id: (row: T) => string;
}

export function Table<T>({ label, columns, rows, id }: Props<T>) {
  const cell = (c: Column<T>) => `px-2 py-2.5 first:ps-4 last:pe-4 sm:px-4 ${c.figures ? 'text-end figures' : 'text-start'} ${c.wide ? 'hidden md:table-cell' : ''}`;
  return (
    // It scrolls sideways where it does not fit, by keyboard too.
    <div tabIndex={0} role="region" aria-label={label} className="overflow-x-auto -outline-offset-2">
      <table className="w-full text-sm">
        <thead>
          <tr className="border-b border-line text-xs text-soft">
            {columns.map((c) => (
              <th key={c.name} scope="col" className={`${cell(c)} font-medium`}>
                {c.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {rows.map((row) => (
            <tr key={id(row)} className="hover:bg-raised/50">
              {columns.map((c) => (
                <td key={c.name} className={cell(c)}>
                  {c.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
