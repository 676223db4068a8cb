// Owns the form of a benchmark's outcome, and how it is shown to people.

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  /** The first column is text; numbers are shown with thousands separated. */
  readonly rows: readonly (readonly (string | number)[])[];
}

/** What the product promises, beside what was measured. */
export interface Requirement {
  readonly what: string;
  readonly wanted: string;
  readonly measured: number;
  readonly met: boolean;
}

export interface Result {
  readonly tables: readonly Table[];
  readonly requirements: readonly Requirement[];
  /** All single measurements, for the file. */
  readonly measurements: unknown;
}

/** A benchmark: a module that exports `run`. */
export interface Part {
  run(): Promise<Result>;
}

export function renderTable(table: Table): string {
  const cells = [table.columns, ...table.rows].map((row) => row.map(show));
  const widths = table.columns.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
  const lines = cells.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  '),
  );
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '));
  return [table.title, '', ...lines].join('\n');
}

export function renderRequirements(requirements: readonly Requirement[]): string {
  return requirements
    .map(
      ({ what, wanted, measured, met }) =>
        `${met ? 'met   ' : 'NOT met'} ${what}: ${show(measured)} (${wanted})`,
    )
    .join('\n');
}

function show(cell: string | number): string {
  if (typeof cell === 'string') return cell;
  return cell.toLocaleString('en-US', { maximumFractionDigits: Math.abs(cell) < 100 ? 2 : 0 });
}

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? NaN) + upper) / 2 : upper;
}
