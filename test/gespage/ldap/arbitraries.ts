// Owns generated LDAP requests, whole ones and such that something happened to.
import fc from 'fast-check';
import { control, filters, message, operations, paged } from './raw-client.ts';

const names = fc.constantFrom(
  'cn',
  'uid',
  'mail',
  'objectClass',
  'memberOf',
  'nothing',
  'objectGUID',
  '2.5.4.3',
  'cn;lang-x',
);
const values = fc.oneof(
  fc.constantFrom('user1', 'USER2', 'person', '512', '', '*', 'é', 'cn=even,ou=groups,dc=gespage,dc=sync'),
  fc.string({ maxLength: 20 }),
);

export const anyFilter: fc.Arbitrary<Buffer> = fc.letrec<{ filter: Buffer }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'any filter' },
    {
      weight: 4,
      arbitrary: fc.oneof(
        fc.tuple(names, values).map(([name, value]) => filters.equal(name, value)),
        fc.tuple(names, values).map(([name, value]) => filters.greater(name, value)),
        fc.tuple(names, values).map(([name, value]) => filters.approximate(name, value)),
        names.map((name) => filters.present(name)),
        fc.tuple(names, values).map(([name, value]) => filters.substrings(name, `${value}*a`)),
        fc.tuple(names, values).map(([name, value]) => filters.extensible('2.5.13.2', name, value)),
      ),
    },
    { weight: 2, arbitrary: fc.array(tie('filter'), { maxLength: 3 }).map((parts) => filters.and(...parts)) },
    { weight: 2, arbitrary: fc.array(tie('filter'), { maxLength: 3 }).map((parts) => filters.or(...parts)) },
    { weight: 2, arbitrary: tie('filter').map((part) => filters.not(part)) },
  ),
})).filter;

const bases = fc.constantFrom(
  '',
  'dc=gespage,dc=sync',
  'DC=gespage, dc=SYNC',
  'ou=people,dc=gespage,dc=sync',
  'cn=subschema',
  'cn=x',
  '=',
);

const anyOperation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({
        base: bases,
        scope: fc.integer({ min: 0, max: 3 }),
        filter: fc.oneof(fc.constant(filters.present('objectClass')), anyFilter),
        sizeLimit: fc.constantFrom(0, 1, 5, -1),
        timeLimit: fc.constantFrom(0, 1),
        typesOnly: fc.boolean(),
        attributes: fc.array(fc.constantFrom('*', '+', '1.1', 'cn', 'nothing', 'objectGUID'), {
          maxLength: 3,
        }),
      })
      .map(operations.search),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('', 'cn=reader,dc=gespage,dc=sync', 'cn=x', '='), fc.constantFrom('', 'wrong'))
      .map(([dn, password]) => operations.bind(dn, password)),
  },
  fc.constantFrom('1.3.6.1.4.1.4203.1.11.3', '1.3.6.1.1.8', '').map((oid) => operations.extended(oid)),
  fc.tuple(bases, names, values).map(([dn, name, value]) => operations.compare(dn, name, value)),
  fc.nat(20).map(operations.abandon),
);

const anyControl = fc.oneof(
  fc
    .tuple(fc.integer({ min: -1, max: 5 }), fc.uint8Array({ maxLength: 16 }))
    .map(([size, cookie]) => paged(size, Buffer.from(cookie))),
  fc.boolean().map((critical) => control('1.2.3.4', undefined, critical)),
  fc.constant(control('2.16.840.1.113730.3.4.2')),
);

/** Messages that are whole, with ids that may repeat. */
export const requests: fc.Arbitrary<Buffer> = fc
  .tuple(fc.integer({ min: 0, max: 2_000 }), anyOperation, fc.array(anyControl, { maxLength: 2 }))
  .map(([id, operation, controls]) => message(id, operation, ...controls));

type Change = (octets: Buffer) => Buffer;

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(255)).map(([at, octet]): Change => (octets) => {
    const copy = Buffer.from(octets);
    if (copy.length > 0) copy[at % copy.length] = octet;
    return copy;
  }),
  fc.nat().map(
    (at): Change =>
      (octets) =>
        octets.subarray(0, at % (octets.length + 1)),
  ),
  fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 6 })).map(([at, more]): Change => (octets) => {
    const place = at % (octets.length + 1);
    return Buffer.concat([octets.subarray(0, place), Buffer.from(more), octets.subarray(place)]);
  }),
  fc.tuple(fc.nat(), fc.nat(12)).map(([at, count]): Change => (octets) => {
    const place = at % (octets.length + 1);
    return Buffer.concat([octets.subarray(0, place), octets.subarray(place + count)]);
  }),
);

/** The same, most left alone, the others changed up to three times. */
export function mutated(whole: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const changes = fc.oneof(
    { weight: 3, arbitrary: fc.constant<Change[]>([]) },
    { weight: 2, arbitrary: fc.array(change, { minLength: 1, maxLength: 3 }) },
  );
  return fc
    .tuple(whole, changes)
    .map(([octets, made]) => made.reduce((before, next) => next(before), octets));
}
