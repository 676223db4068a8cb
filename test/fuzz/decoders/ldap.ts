// Owns the fuzzing of LDAP: names, messages with their filters, and mutated requests at a server that runs.
import fc from 'fast-check';
import { escapeRdnValue, normalizeDn, parseDn } from '../../../src/gespage/ldap/dn.ts';
import { compileFilter } from '../../../src/gespage/ldap/evaluate.ts';
import { BerError } from '../../../src/gespage/ldap/wire/ber-reader.ts';
import { readMessage } from '../../../src/gespage/ldap/wire/requests.ts';
import { Refused } from '../../../src/gespage/ldap/wire/results.ts';
import { mutated, requests } from '../../gespage/ldap/arbitraries.ts';
import { createMemoryDirectory, makeTree } from '../../gespage/ldap/memory-directory.ts';
import { connectRaw, message, operations } from '../../gespage/ldap/raw-client.ts';
import { readerDn, readerPassword, serveLdap, type ServedLdap } from '../../gespage/ldap/serve-ldap.ts';
import { defineDecoder, must, type Decoder } from '../decoder.ts';

const letters = fc.string({
  unit: fc.oneof(fc.constantFrom(...'=,+\\"#; <>0aF\0é'), fc.string({ unit: 'binary' })),
});

export function distinguishedName(): Decoder {
  return defineDecoder({
    name: 'LDAP name',
    inputs: fc.oneof(
      letters,
      fc.array(letters, { maxLength: 4 }).map((parts) => parts.map((part) => `cn=${part}`).join(',')),
    ),
    decode(text) {
      const normal = normalizeDn(text);
      if (normal === undefined) return 'none';
      must('a normal form is its own normal form', normalizeDn(normal) === normal);
      for (const { value } of parseDn(text)?.flat() ?? [])
        must('a value comes back', parseDn(`cn=${escapeRdnValue(value)}`)?.[0]?.[0]?.value === value);
      return normal === '' ? 'root' : 'name';
    },
  });
}

const limits = { depth: 64, items: 10_000 };
const entries = makeTree(3);

export function ldapMessage(): Decoder {
  return defineDecoder({
    name: 'LDAP message',
    inputs: mutated(requests),
    decode(octets) {
      try {
        const { request } = readMessage(octets, limits);
        if (request instanceof Refused) return `refused ${request.result.code}`;
        if (request.kind !== 'search') return request.kind;
        const judge = compileFilter(request.filter);
        const opposite = compileFilter({ kind: 'not', part: request.filter });
        for (const entry of entries) {
          const [one, other] = [judge(entry), opposite(entry)];
          must(
            'an entry matches a filter or its opposite, or neither',
            one === undefined ? other === undefined : other === !one,
          );
        }
        return 'search';
      } catch (error) {
        if (error instanceof BerError) return 'broken';
        throw error;
      }
    },
  });
}

/** Each input is one connection; odd ones bind as the reader first. */
export function ldapServer(): Decoder {
  const directory = createMemoryDirectory(makeTree(20));
  let served: Promise<ServedLdap> | undefined;
  const bind = message(1_000_000, operations.bind(readerDn, readerPassword));
  return defineDecoder({
    name: 'LDAP server',
    inputs: fc.tuple(fc.boolean(), fc.array(mutated(requests), { minLength: 1, maxLength: 12 })),
    async decode([isReader, octets]) {
      served ??= serveLdap(directory);
      const { server, port } = await served;
      const raw = connectRaw(port);
      raw.send(Buffer.concat(isReader ? [bind, ...octets] : octets));
      await raw.endWhenQuiet();
      let found = 0;
      let answers = 0;
      for (let answer = await raw.next(); answer !== undefined; answer = await raw.next()) {
        answers += 1;
        if (answer.entry === undefined) continue;
        found += 1;
        const isOwn = answer.entry.dn === '' || answer.entry.dn === 'cn=subschema';
        must('nobody gets an entry of the tree without a bind', isOwn || isReader);
      }
      must('few connections are left', server.open().connections <= 2);
      must('no revision is left open', directory.held() <= 1);
      return found > 0 ? 'entries' : answers > 0 ? 'answers' : 'silence';
    },
    close: () => void served?.then(({ close }) => close()),
  });
}
