// Owns the question which row of a table is whose: pure, and never a guess.
import { foldText } from '../../accounts/values.ts';

export interface RowToMatch {
  readonly key: string;
  readonly login: string;
  /** What the row is compared by; null where it has nothing there. */
  readonly value: string | null;
}

export interface PersonToMatch {
  readonly externalId: string;
  readonly login: string;
  readonly value: string | null;
}

export interface Matching<R, P> {
  /** One row and one person with the same value, and nobody else has it. */
  readonly pairs: readonly { readonly row: R; readonly person: P }[];
  /** Several rows or several people with one value: nobody can say who is who. */
  readonly ambiguous: readonly {
    readonly value: string;
    readonly rows: readonly R[];
    readonly people: readonly P[];
  }[];
  readonly rows: readonly R[];
  readonly people: readonly P[];
}

/** Compares without regard to case, Unicode form and blanks around; what is empty is like nothing else. */
export function matchRows<R extends RowToMatch, P extends PersonToMatch>(
  rows: readonly R[],
  people: readonly P[],
): Matching<R, P> {
  const rowsBy = groupBy(rows);
  const peopleBy = groupBy(people);
  const pairs: { row: R; person: P }[] = [];
  const ambiguous: { value: string; rows: R[]; people: P[] }[] = [];
  for (const [value, alike] of rowsBy) {
    const wanted = peopleBy.get(value) ?? [];
    const [row, person] = [alike[0], wanted[0]];
    if (row === undefined || person === undefined) continue;
    if (alike.length === 1 && wanted.length === 1) pairs.push({ row, person });
    else ambiguous.push({ value, rows: alike, people: wanted });
  }
  const isMatched = ({ value }: { value: string | null }): boolean => {
    const folded = fold(value);
    return folded !== '' && rowsBy.has(folded) && peopleBy.has(folded);
  };
  return {
    pairs,
    ambiguous,
    rows: rows.filter((row) => !isMatched(row)),
    people: people.filter((person) => !isMatched(person)),
  };
}

export function fold(value: string | null): string {
  return value === null ? '' : foldText(value.trim());
}

function groupBy<T extends { readonly value: string | null }>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const folded = fold(item.value);
    if (folded !== '') groups.set(folded, [...(groups.get(folded) ?? []), item]);
  }
  return groups;
}
