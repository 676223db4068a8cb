// Owns the proof that a login wanted by several people goes to one, and that nobody loses the one he has.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loginKey } from '../../src/accounts/login.ts';
import { assignLogins, type LoginAssignment, type LoginWish } from '../../src/accounts/logins.ts';

const nobody = () => undefined;

function wish(externalId: string, wanted: string | null, current: string | null = null): LoginWish {
  return { externalId, wanted, current };
}

/** Granted logins as a plain object, and conflicts as `who wants what of whom`. */
function outcome({ granted, conflicts }: LoginAssignment) {
  return {
    granted: Object.fromEntries(granted),
    conflicts: conflicts.map(
      ({ externalId, wanted, heldBy }) => `${externalId} wants ${wanted} of ${heldBy}`,
    ),
  };
}

describe('a login that is free', () => {
  it('is granted to the one who wants it', () => {
    expect(outcome(assignLogins([wish('a', 'anna'), wish('b', 'ben', 'old')], nobody))).toEqual({
      granted: { a: 'anna', b: 'ben' },
      conflicts: [],
    });
  });

  it('and wanted by two new people goes to the smaller id, in whatever order they come', () => {
    const people = [wish('c', 'anna'), wish('a', 'Anna'), wish('b', 'anna')];
    for (const order of [people, people.toReversed()]) {
      const { granted, conflicts } = outcome(assignLogins(order, nobody));
      expect(granted).toEqual({ a: 'Anna' });
      expect(conflicts.toSorted()).toEqual(['b wants anna of a', 'c wants anna of a']);
    }
  });
});

describe('a login that somebody has', () => {
  it('stays with a person outside the batch', () => {
    const holderOf = (key: string) => (key === 'anna' ? 'z' : undefined);
    expect(outcome(assignLogins([wish('a', 'ANNA'), wish('b', 'anna', 'ben')], holderOf))).toEqual({
      granted: {},
      conflicts: ['a wants ANNA of z', 'b wants anna of z'],
    });
  });

  it('stays with a person of the batch who still wants it, also against a smaller id', () => {
    expect(outcome(assignLogins([wish('a', 'anna'), wish('z', 'anna', 'anna')], nobody))).toEqual({
      granted: { z: 'anna' },
      conflicts: ['a wants anna of z'],
    });
  });

  it('stays with a person of the batch from whom no login can be derived', () => {
    expect(outcome(assignLogins([wish('a', 'anna'), wish('z', null, 'anna')], nobody))).toEqual({
      granted: {},
      conflicts: ['a wants anna of z'],
    });
  });

  it('may be written anew by its holder in another case', () => {
    expect(outcome(assignLogins([wish('a', 'Anna', 'anna')], () => 'a'))).toEqual({
      granted: { a: 'Anna' },
      conflicts: [],
    });
  });

  it('counts as taken in any case and Unicode form', () => {
    const taken = loginKey('andré');
    const result = assignLogins([wish('a', 'ANDRE\u0301')], (key) => (key === taken ? 'z' : undefined));
    expect(outcome(result).conflicts).toEqual(['a wants ANDRE\u0301 of z']);
  });

  it('is looked up by the ledger without harm when the ledger names people of the batch', () => {
    const ledger = new Map([
      ['anna', 'a'],
      ['ben', 'b'],
    ]);
    const people = [wish('a', 'ben', 'anna'), wish('b', 'anna', 'ben')];
    expect(outcome(assignLogins(people, (key) => ledger.get(key)))).toEqual({
      granted: { a: 'ben', b: 'anna' },
      conflicts: [],
    });
  });
});

describe('a lookup that is behind', () => {
  it('and gives a login to a person of the batch who has another one now, is not believed', () => {
    expect(outcome(assignLogins([wish('a', 'x', 'y'), wish('b', 'anna')], () => 'a'))).toEqual({
      granted: { a: 'x', b: 'anna' },
      conflicts: [],
    });
  });
});

describe('logins that move within a batch', () => {
  it('are exchanged between two people', () => {
    expect(outcome(assignLogins([wish('a', 'y', 'x'), wish('b', 'x', 'y')], nobody))).toEqual({
      granted: { a: 'y', b: 'x' },
      conflicts: [],
    });
  });

  it('are exchanged although somebody else, with a smaller id, wants one of them', () => {
    const people = [
      wish('a', 'x'),
      wish('b', 'y', 'x'),
      wish('c', 'z', 'y'),
      wish('d', 'x', 'z'),
      wish('e', 'x'),
    ];
    for (const order of [people, people.toReversed()]) {
      const { granted, conflicts } = outcome(assignLogins(order, nobody));
      expect(granted).toEqual({ b: 'y', c: 'z', d: 'x' });
      expect(conflicts.toSorted()).toEqual(['a wants x of d', 'e wants x of d']);
    }
  });

  it('move along a chain whose end is free, in any order', () => {
    const people = [wish('a', 'l2', 'l1'), wish('b', 'l3', 'l2'), wish('c', 'l4', 'l3'), wish('d', 'l1')];
    for (const order of [people, people.toReversed()]) {
      expect(outcome(assignLogins(order, nobody))).toEqual({
        granted: { a: 'l2', b: 'l3', c: 'l4', d: 'l1' },
        conflicts: [],
      });
    }
  });

  it('stay where the end of the chain is taken, each reserved for its holder', () => {
    const holderOf = (key: string) => (key === 'l4' ? 'z' : undefined);
    const people = [wish('d', 'l1'), wish('a', 'l2', 'l1'), wish('b', 'l3', 'l2'), wish('c', 'l4', 'l3')];
    expect(outcome(assignLogins(people, holderOf))).toEqual({
      granted: {},
      conflicts: ['d wants l1 of a', 'a wants l2 of b', 'b wants l3 of c', 'c wants l4 of z'],
    });
  });

  it('move into a gap for one of two, while the other keeps his', () => {
    const people = [wish('a', 'free', 'x'), wish('b', 'x', 'y'), wish('c', 'x', 'w'), wish('d', 'w')];
    expect(outcome(assignLogins(people, nobody))).toEqual({
      granted: { a: 'free', b: 'x' },
      conflicts: ['c wants x of b', 'd wants w of c'],
    });
  });

  it('move along a chain of a hundred thousand people without running out of stack', () => {
    const people = Array.from({ length: 100_000 }, (_, index) =>
      wish(`p${index}`, `l${index + 1}`, `l${index}`),
    );
    expect(assignLogins(people, nobody).granted.size).toBe(100_000);
    const blocked = assignLogins(people, (key) => (key === 'l100000' ? 'z' : undefined));
    expect(blocked.conflicts).toHaveLength(100_000);
  });
});

describe('every assignment', () => {
  const names = ['anna', 'Anna', 'ben', 'BEN', 'carl', 'dora', 'emil', 'fay'];
  const name = fc.constantFrom(...names);
  const keys = [...new Set(names.map(loginKey))];

  interface Case {
    readonly wishes: readonly LoginWish[];
    /** Rows outside the batch, by login key. */
    readonly outside: ReadonlyMap<string, string>;
  }

  /** Deals the present logins out without repetition, as the ledger guarantees. */
  const anyCase: fc.Arbitrary<Case> = fc
    .record({
      wanted: fc.array(fc.option(name), { maxLength: 8 }),
      deal: fc.shuffledSubarray(keys),
      outsiders: fc.nat(3),
    })
    .map(({ wanted, deal, outsiders }) => ({
      wishes: wanted.map((login, index) => wish(`p${index}`, login, deal[outsiders + index] ?? null)),
      outside: new Map(deal.slice(0, outsiders).map((key, index) => [key, `o${index}`])),
    }));

  function assign({ wishes, outside }: Case): LoginAssignment {
    return assignLogins(wishes, (key) => outside.get(key));
  }

  /** Login key -> everybody who has it afterwards. */
  function holdersAfter({ wishes, outside }: Case, { granted }: LoginAssignment): Map<string, string[]> {
    const holders = new Map([...outside].map(([key, id]) => [key, [id]]));
    for (const { externalId, current } of wishes) {
      const login = granted.get(externalId) ?? current;
      if (login === null) continue;
      const key = loginKey(login);
      holders.set(key, [...(holders.get(key) ?? []), externalId]);
    }
    return holders;
  }

  const manyRuns = { numRuns: 3000 };

  it('leaves every login with one holder at most, inside and outside the batch', () => {
    fc.assert(
      fc.property(anyCase, (some) => {
        for (const [key, ids] of holdersAfter(some, assign(some)))
          expect([key, ids.length]).toEqual([key, 1]);
      }),
      manyRuns,
    );
  });

  it('either grants exactly what a person wants or names the one who has it instead', () => {
    fc.assert(
      fc.property(anyCase, (some) => {
        const result = assign(some);
        const holders = holdersAfter(some, result);
        const conflicts = new Map(result.conflicts.map((conflict) => [conflict.externalId, conflict]));
        for (const { externalId, wanted } of some.wishes) {
          const conflict = conflicts.get(externalId);
          if (wanted === null) expect([result.granted.has(externalId), conflict]).toEqual([false, undefined]);
          else if (conflict === undefined) expect(result.granted.get(externalId)).toBe(wanted);
          else {
            expect(result.granted.has(externalId)).toBe(false);
            expect(conflict.heldBy).not.toBe(externalId);
            expect(holders.get(loginKey(wanted))).toEqual([conflict.heldBy]);
          }
        }
      }),
      manyRuns,
    );
  });

  it('takes a login from nobody who did not get another one that he wants', () => {
    fc.assert(
      fc.property(anyCase, (some) => {
        const result = assign(some);
        const holders = holdersAfter(some, result);
        for (const { externalId, wanted, current } of some.wishes) {
          if (current === null || result.granted.get(externalId) === wanted) continue;
          expect(holders.get(loginKey(current))).toEqual([externalId]);
        }
      }),
      manyRuns,
    );
  });

  it('refuses nobody where all wishes differ and nobody else has them', () => {
    const permutation = fc.shuffledSubarray(keys, { minLength: keys.length });
    fc.assert(
      fc.property(permutation, permutation, (wanted, current) => {
        const wishes = wanted.map((login, index) => wish(`p${index}`, login, current[index] ?? null));
        expect(assignLogins(wishes, nobody).conflicts).toEqual([]);
      }),
    );
  });

  it('leaves no people waiting for each other in a circle', () => {
    fc.assert(
      fc.property(anyCase, (some) => {
        const { granted } = assign(some);
        const has = (person: LoginWish) => granted.get(person.externalId) ?? person.current;
        const holders = new Map(
          some.wishes.flatMap((person) => {
            const login = has(person);
            return login === null ? [] : [[loginKey(login), person] as const];
          }),
        );
        for (const start of some.wishes) {
          let next: LoginWish | undefined = start;
          for (let steps = 0; next !== undefined && next.wanted !== null; steps += 1) {
            const key = loginKey(next.wanted);
            if (holders.get(key) === next) break;
            next = holders.get(key);
            expect(steps).toBeLessThan(some.wishes.length);
          }
        }
      }),
      manyRuns,
    );
  });

  it('does not depend on the order of the batch', () => {
    fc.assert(
      fc.property(anyCase, fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), (some, places) => {
        const shuffled = some.wishes
          .map((person, index) => ({ person, at: places[index] ?? 0 }))
          .toSorted((one, other) => one.at - other.at)
          .map(({ person }) => person);
        const one = outcome(assign(some));
        const other = outcome(assign({ ...some, wishes: shuffled }));
        expect(other.granted).toEqual(one.granted);
        expect(other.conflicts.toSorted()).toEqual(one.conflicts.toSorted());
      }),
      manyRuns,
    );
  });

  it('comes to the same when it is repeated on its own outcome', () => {
    fc.assert(
      fc.property(anyCase, (some) => {
        const first = assign(some);
        const settled = some.wishes.map((person) => ({
          ...person,
          current: first.granted.get(person.externalId) ?? person.current,
        }));
        const second = assign({ ...some, wishes: settled });
        expect(outcome(second)).toEqual(outcome(first));
      }),
      manyRuns,
    );
  });
});
