import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createObjectKeys } from '../../src/state/object-keys.ts';

const anyId = fc.oneof(
  fc.uuid(),
  fc.uuid().map((id) => id.toUpperCase()),
  // Near neighbours, as made-up ids are.
  fc.integer({ min: 0, max: 50 }).map((n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`),
  fc.stringMatching(/^[\w.-]{1,40}$/),
);

describe('the map from object ids to keys', () => {
  it('knows what a plain map knows, whatever the ids and however many came unexpected', () => {
    fc.assert(
      fc.property(fc.array(anyId, { maxLength: 3_000 }), fc.array(anyId), (ids, others) => {
        const plain = new Map<string, number>();
        const keys = createObjectKeys(0);
        for (const id of ids) {
          if (plain.has(id)) continue;
          plain.set(id, plain.size + 1);
          keys.add(id, plain.size);
        }
        for (const id of [...ids, ...others]) expect(keys.get(id)).toBe(plain.get(id));
      }),
      { numRuns: 50 },
    );
  });

  it('grows beyond the number that it was made for', () => {
    const keys = createObjectKeys(10);
    const idOf = (n: number): string => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
    for (let n = 1; n <= 5_000; n += 1) keys.add(idOf(n), n);
    for (let n = 1; n <= 5_000; n += 1) expect(keys.get(idOf(n))).toBe(n);
    expect(keys.get(idOf(5_001))).toBeUndefined();
  });
});
