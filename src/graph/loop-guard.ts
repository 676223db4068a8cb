// Owns noticing that a chain of pages does not end.
import type { DeltaObject } from './delta-object.ts';
import { GraphFailure } from './errors.ts';

export interface LoopGuard {
  /** @throws {GraphFailure} `permanent`, code `link-loop`. */
  see(page: { readonly objects: readonly DeltaObject[] }, nextLink: string): void;
}

export interface LoopLimits {
  /** How many of the latest links are remembered. */
  readonly links: number;
  /** How many pages in a row may be empty. */
  readonly emptyPages: number;
  /** How many pages in a row may hold the same. */
  readonly samePages: number;
  /** How many pages a round may have. */
  readonly pages: number;
}

const usualLimits: LoopLimits = { links: 200, emptyPages: 10_000, samePages: 1000, pages: 2_000_000 };

/**
 * Makes the guard of one round. Graph has been seen to repeat a next link, and to send the same page for ever under
 * new links; both end here.
 */
export function createLoopGuard(operation: string, limits: LoopLimits = usualLimits): LoopGuard {
  const links = new Set<string>();
  let pages = 0;
  let empty = 0;
  let same = 0;
  let lastPrint = '';

  return {
    see({ objects }, nextLink) {
      if (links.has(nextLink)) throw loop(operation, 'a next link came twice');
      links.add(nextLink);
      if (links.size > limits.links) for (const oldest of links) if (links.delete(oldest)) break;
      pages += 1;
      if (pages > limits.pages) throw loop(operation, `more than ${limits.pages} pages came`);
      empty = objects.length === 0 ? empty + 1 : 0;
      if (empty > limits.emptyPages)
        throw loop(operation, `more than ${limits.emptyPages} empty pages came in a row`);
      const print = printOf(objects);
      same = print !== '' && print === lastPrint ? same + 1 : 0;
      lastPrint = print;
      if (same > limits.samePages)
        throw loop(operation, `the same page came more than ${limits.samePages} times`);
    },
  };
}

/** What tells two pages apart, cheaply: the first and last object, and their first and last members. */
function printOf(objects: readonly DeltaObject[]): string {
  const first = objects[0];
  const last = objects.at(-1);
  if (first === undefined || last === undefined) return '';
  const ends = [first, last].map(
    ({ id, members }) => `${id}:${members?.length}:${members?.[0]?.id}:${members?.at(-1)?.id}`,
  );
  return `${objects.length}/${ends.join('/')}`;
}

function loop(operation: string, why: string): GraphFailure {
  return new GraphFailure({
    kind: 'permanent',
    operation,
    code: 'link-loop',
    what: `The pages of ${operation} do not end: ${why}. The round was cut off and counts as incomplete.`,
    advice:
      'Start a full resync. If it happens again, report it to Microsoft; changes are still read one by one.',
  });
}
