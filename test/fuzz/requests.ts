// Owns generated requests to the public door, all sorts of them in their shares.
import fc from 'fast-check';
import type { Verdict } from '../../src/state/inbox.ts';
import type { Exchange, Fuzzed } from './exchange.ts';
import { broken, large, odd, slow } from './odd-requests.ts';
import { chunked, forged, handshakes, oddBatches, refused, sound } from './whole-requests.ts';

export function exchanges(target: Fuzzed): fc.Arbitrary<Exchange> {
  const one = fc.oneof(
    { weight: 30, arbitrary: forged(target) },
    { weight: 3, arbitrary: sound(target) },
    { weight: 30, arbitrary: oddBatches() },
    { weight: 8, arbitrary: handshakes() },
    { weight: 6, arbitrary: refused() },
    { weight: 6, arbitrary: chunked() },
  );
  return fc.oneof(
    { weight: 900, arbitrary: one },
    { weight: 60, arbitrary: fc.array(one, { minLength: 2, maxLength: 6 }).map(pipeline) },
    { weight: 120, arbitrary: odd() },
    { weight: 20, arbitrary: broken() },
    { weight: 3, arbitrary: slow() },
    { weight: 2, arbitrary: large() },
  );
}

function pipeline(all: readonly Exchange[]): Exchange {
  const items: Partial<Record<Verdict, number>> = {};
  for (const each of all)
    for (const [verdict, count] of Object.entries(each.items))
      items[verdict as Verdict] = (items[verdict as Verdict] ?? 0) + count;
  return {
    sort: 'pipeline',
    pieces: [Buffer.concat(all.flatMap(({ pieces }) => pieces))],
    gapMs: 0,
    then: 'keep',
    requests: all.length,
    answers: [...new Set(all.flatMap(({ answers }) => answers))],
    items,
  };
}
