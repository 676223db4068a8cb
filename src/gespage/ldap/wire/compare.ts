// Owns carrying out a compare request (RFC 4511, 4.10).
import { normalizeDn } from '../dn.ts';
import { attributeOf, compileFilter } from '../evaluate.ts';
import { readValue } from '../matching.ts';
import { findAttributeType } from '../schema.ts';
import { subschemaDn } from './own-entries.ts';
import type { Request } from './requests.ts';
import { Refused, type Result } from './results.ts';
import type { SearchRoom } from './search.ts';

/** @throws Refused with what else there is to answer. */
export function runCompare(
  { dn: written, name, value }: Extract<Request, { kind: 'compare' }>,
  room: SearchRoom,
): Result {
  const dn = written === undefined ? undefined : normalizeDn(written);
  if (dn === undefined) throw new Refused('invalidDnSyntax', 'The name is not a distinguished name.');
  if (!room.isReader) throw new Refused('insufficientAccessRights', 'Bind as the configured reader first.');
  if (dn === '' || dn === subschemaDn)
    throw new Refused('unwillingToPerform', 'Entries of the server itself are not compared; read them.');
  const type = findAttributeType(name);
  if (type === undefined) throw new Refused('undefinedAttributeType', 'No attribute has that name.');
  if (!type.equality) throw new Refused('inappropriateMatching', 'The attribute has no rule of equality.');
  if (readValue(type, value) === undefined)
    throw new Refused('invalidAttributeSyntax', 'The value is none that the attribute could have.');
  const snapshot = room.shelf.open(room.owner);
  try {
    const found = snapshot.resolve(dn);
    if (!found.exists) throw new Refused('noSuchObject', 'There is no entry of that name.', found.matched);
    const filter = { kind: 'equal', name: type.name.toLowerCase(), value } as const;
    for (const { entry } of snapshot.search({
      base: dn,
      scope: 'base',
      filter: { kind: 'and', parts: [] },
    })) {
      if (attributeOf(entry, type.name) === undefined)
        throw new Refused('noSuchAttribute', 'The entry has no such attribute.');
      return { code: compileFilter(filter)(entry) ? 'compareTrue' : 'compareFalse' };
    }
    throw new Refused('noSuchObject', 'There is no entry of that name.');
  } finally {
    snapshot.close();
  }
}
