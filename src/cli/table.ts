// Owns aligned text for a terminal.

/** Rows in columns as wide as needed, two spaces between; the last column is never filled up. */
export function alignColumns(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, cell.length)));
  }
  return rows
    .map(
      (row) =>
        indent +
        row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('  '),
    )
    .map((line) => line.trimEnd())
    .join('\n');
}

/** `3 min`, `5 h`, `12 days` */
export function describeAge(seconds: number): string {
  const left = Math.abs(seconds);
  if (left < 120) return `${Math.round(left)} s`;
  if (left < 7_200) return `${Math.round(left / 60)} min`;
  return left < 172_800 ? `${Math.round(left / 3_600)} h` : `${Math.round(left / 86_400)} days`;
}

/** `2026-01-31 12:00:05Z` */
export function describeTime(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')}Z`;
}

/** `created 3, updated 1`; the zeros are left out where anything else is there. */
export function describeCounts(counts: Readonly<Record<string, number>> | null): string {
  const entries = Object.entries(counts ?? {});
  const shown = entries.some(([, n]) => n !== 0) ? entries.filter(([, n]) => n !== 0) : entries;
  return shown.map(([name, n]) => `${name} ${n.toLocaleString('en')}`).join(', ');
}
