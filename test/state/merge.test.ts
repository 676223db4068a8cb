import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeProperties } from '../../src/state/merge.ts';

const known = {
  mail: 'a@x',
  department: 'Sales',
  onPremisesExtensionAttributes: { extensionAttribute1: '1', extensionAttribute2: '2' },
};

describe('joining a read to what is known', () => {
  it('leaves alone what is absent, and clears what is null [trouble 13.11]', () => {
    expect(mergeProperties(known, { department: null, surname: 'Roth' })).toEqual({
      mail: 'a@x',
      surname: 'Roth',
      onPremisesExtensionAttributes: known.onPremisesExtensionAttributes,
    });
  });

  it('does the same within objects, and drops one of which nothing is left', () => {
    const merged = mergeProperties(known, {
      onPremisesExtensionAttributes: { extensionAttribute1: null, extensionAttribute3: '3' },
    });
    expect(merged['onPremisesExtensionAttributes']).toEqual({
      extensionAttribute2: '2',
      extensionAttribute3: '3',
    });
    const emptied = mergeProperties(merged, {
      onPremisesExtensionAttributes: { extensionAttribute2: null, extensionAttribute3: null },
    });
    expect(emptied).not.toHaveProperty('onPremisesExtensionAttributes');
    expect(mergeProperties(known, { onPremisesExtensionAttributes: null })).not.toHaveProperty(
      'onPremisesExtensionAttributes',
    );
  });

  it('replaces lists as a whole, and a value by an object and back', () => {
    expect(mergeProperties({ a: [1, 2] }, { a: [3] })).toEqual({ a: [3] });
    expect(mergeProperties({ a: 'x' }, { a: { b: 1 } })).toEqual({ a: { b: 1 } });
    expect(mergeProperties({ a: { b: 1 } }, { a: 'x' })).toEqual({ a: 'x' });
  });

  it('changes neither of the two, holds no null, and is the same when repeated', () => {
    const value = fc.letrec((tie) => ({
      leaf: fc.oneof(
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(fc.integer(), { maxLength: 2 }),
      ),
      node: fc.oneof(
        { maxDepth: 3 },
        tie('leaf'),
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('node')),
      ),
    })).node;
    const properties = fc.dictionary<unknown>(fc.constantFrom('a', 'b', 'c', 'd'), value);
    fc.assert(
      fc.property(properties, properties, (first, second) => {
        const before = JSON.stringify([first, second]);
        const start = mergeProperties({}, first);
        const merged = mergeProperties(start, second);
        expect(holdsNull(merged)).toBe(false);
        expect(mergeProperties(merged, second)).toEqual(merged);
        expect(JSON.stringify([first, second])).toBe(before);
      }),
    );
  });
});

function holdsNull(value: unknown): boolean {
  if (value === null) return true;
  return typeof value === 'object' && !Array.isArray(value) && Object.values(value).some(holdsNull);
}
