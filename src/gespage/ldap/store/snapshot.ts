// Owns reading: one consistent revision of the tree, its entries in the order of their positions, a few at a time.
import type Database from 'better-sqlite3';
import { parentOf } from '../dn.ts';
import type { Attribute, Entry, Found, Query, Snapshot } from '../directory.ts';
import { decodeAttributes, encodeAttributes, operationalPart, userPart } from './encode.ts';
import type { Base } from './names.ts';
import { narrow, type Source } from './narrow.ts';
import { kinds } from './tables.ts';
import { DirectoryUnavailable } from './unavailable.ts';
import { createStatements, splitKeys, type Writing } from './writing.ts';

type Row = [position: number, kind: number, name: string, packed: Buffer, groups: string];

/** The part of the tree that a search is about. */
interface Reach {
  readonly units: readonly number[];
  /** Entries below; undefined for none. */
  readonly kind: 'all' | 'people' | 'groups' | undefined;
  /** The one entry below, by its key. */
  readonly only?: string;
}

const columns = 'e.position, e.kind, e.name, e.packed, e.groups';
const everything: Reach = { units: [1, 2, 3], kind: 'all' };
const nothing: Reach = { units: [], kind: undefined };
/** Few at first, since many searches want one entry. */
const chunkSizes = { first: 32, later: 256 };
/** How many different sets of groups are remembered in their encoded form. */
const mostSets = 5_000;

/** Reads within the transaction that is open on a connection; `close` is the caller's. */
export function createReader(database: Database.Database, base: Base): Omit<Snapshot, 'close'> {
  const sql = createStatements(database);
  const among: Writing['among'] = <Found>(text: string, values: Iterable<string | number>) => {
    const list = [...values];
    return list.length === 0 ? [] : (sql(text).all(JSON.stringify(list)) as Found[]);
  };
  const sets = new Map<string, Buffer>();
  let groupDns: Map<number, string> | undefined;

  const exists = (key: string): boolean => sql('SELECT 1 FROM entry WHERE key = ?').get(key) !== undefined;

  /** DNs of the groups that a person is in, encoded as `memberOf`. */
  function encodeMemberOf(groups: string): Buffer {
    const known = sets.get(groups);
    if (known) return known;
    groupDns ??= readGroupDns();
    const dns = splitKeys(groups).flatMap((key) => groupDns?.get(key) ?? []);
    const encoded = encodeAttributes([['memberOf', dns]]);
    if (sets.size >= mostSets) sets.clear();
    sets.set(groups, encoded);
    return encoded;
  }

  function readGroupDns(): Map<number, string> {
    const rows = sql('SELECT g.key, e.name FROM grp g JOIN entry e ON e.position = g.position').all();
    return new Map((rows as { key: number; name: string }[]).map(({ key, name }) => [key, base.dnOf(name)]));
  }

  /** Built when it is asked for: of a group of everybody it is larger than all that else is in memory. */
  function encodeMember(position: number): Buffer {
    const names = sql('SELECT m.name FROM grp g JOIN membership m ON m.grp = g.key WHERE g.position = ?')
      .pluck()
      .all(position) as string[];
    return encodeAttributes([['member', names.map((name) => base.dnOf(name))]]);
  }

  /** What of an entry stands in other entries' rows: the groups of a person, the members of a group. */
  function encodeLinks(position: number, kind: number, groups: string): Buffer | undefined {
    if (kind === kinds.group) return encodeMember(position);
    return groups === '' ? undefined : encodeMemberOf(groups);
  }

  /** The next entries of a source behind a position. */
  function readChunk(source: Source, after: number, limit: number): Row[] {
    const where = `e.position > ? ORDER BY e.position LIMIT ?`;
    switch (source.kind) {
      case 'all':
        return read(`FROM entry e WHERE e.kind <> ${kinds.unit} AND ${where}`, after, limit);
      case 'people':
        return read(`FROM entry e WHERE e.kind = ${kinds.person} AND ${where}`, after, limit);
      case 'groups':
        return read(
          `FROM entry e INDEXED BY entry_group WHERE e.kind = ${kinds.group} AND ${where}`,
          after,
          limit,
        );
      case 'members':
        return read(
          `FROM membership m CROSS JOIN entry e ON e.position = m.person
           WHERE m.grp = ? AND m.person > ? ORDER BY m.person LIMIT ?`,
          source.group,
          after,
          limit,
        );
      case 'list': {
        const positions = source.positions.filter((position) => position > after).slice(0, limit);
        return read(
          'FROM json_each(?) j CROSS JOIN entry e ON e.position = j.value ORDER BY e.position',
          JSON.stringify(positions),
        );
      }
    }
  }

  function read(from: string, ...values: (string | number)[]): Row[] {
    if (!database.open)
      throw new DirectoryUnavailable('This search was ended, since it held an old state for too long.');
    return sql(`SELECT ${columns} ${from}`)
      .raw()
      .all(...values) as Row[];
  }

  function positionOf(key: string): Source {
    const positions = sql('SELECT position FROM entry WHERE key = ?').pluck().all(key) as number[];
    return { kind: 'list', positions };
  }

  return {
    resolve(dn) {
      const key = base.relative(dn);
      if (key !== undefined && exists(key)) return { exists: true };
      for (let above = parentOf(dn); above !== undefined; above = parentOf(above)) {
        const name = base.relative(above);
        if (name !== undefined && exists(name)) return { exists: false, matched: base.dnOf(name) };
      }
      return { exists: false, matched: '' };
    },
    *search(query): IterableIterator<Found> {
      const reach = reachOf(query, base);
      let after = query.after ?? 0;
      const units = reach.units.filter((position) => position > after);
      for (const row of read(
        'FROM json_each(?) j CROSS JOIN entry e ON e.position = j.value ORDER BY e.position',
        JSON.stringify(units),
      ))
        yield { position: row[0], entry: new StoredEntry(row, base, encodeLinks) };
      if (reach.kind === undefined) return;
      const source = withinReach(
        reach.only === undefined ? narrow(query.filter, base, { sql, among }) : positionOf(reach.only),
        reach.kind,
      );
      for (let limit = chunkSizes.first; ; limit = chunkSizes.later) {
        const rows = readChunk(source, after, limit);
        for (const row of rows) {
          after = row[0];
          if (isWithinReach(row[1], reach.kind))
            yield { position: after, entry: new StoredEntry(row, base, encodeLinks) };
        }
        if (rows.length < limit) return;
      }
    },
  };
}

type EncodeLinks = (position: number, kind: number, groups: string) => Buffer | undefined;

/** A class, since a search makes one for each entry that it looks at, and most parts of it are seldom asked for. */
class StoredEntry implements Entry {
  readonly dn: string;
  readonly #row: Row;
  readonly #encodeLinks: EncodeLinks;
  #user: readonly Attribute[] | undefined;

  constructor(row: Row, base: Base, encodeLinks: EncodeLinks) {
    this.dn = base.dnOf(row[2]);
    this.#row = row;
    this.#encodeLinks = encodeLinks;
  }

  get user(): readonly Attribute[] {
    return (this.#user ??= decodeAttributes(this.encodedUser));
  }

  get operational(): readonly Attribute[] {
    return decodeAttributes(operationalPart(this.#row[3]));
  }

  get encodedUser(): Buffer {
    const [position, kind, , packed, groups] = this.#row;
    const own = userPart(packed);
    const links = this.#encodeLinks(position, kind, groups);
    return links === undefined || links.length === 0 ? own : Buffer.concat([own, links]);
  }
}

function reachOf({ base: dn, scope }: Query, base: Base): Reach {
  const key = base.relative(dn);
  const isBelow = scope === 'subtree';
  if (key === undefined) {
    // Above the tree there is nothing of ours, but all of it is below the root.
    return isBelow && (dn === '' || base.normal.endsWith(`,${dn}`)) ? everything : nothing;
  }
  switch (key) {
    case '':
      if (isBelow) return everything;
      return { units: scope === 'base' ? [1] : [2, 3], kind: undefined };
    case 'ou=people':
      return { units: scope === 'one' ? [] : [2], kind: scope === 'base' ? undefined : 'people' };
    case 'ou=groups':
      return { units: scope === 'one' ? [] : [3], kind: scope === 'base' ? undefined : 'groups' };
    default:
      return scope === 'one' ? nothing : { units: [], kind: 'all', only: key };
  }
}

function withinReach(source: Source, kind: 'all' | 'people' | 'groups'): Source {
  return source.kind === 'all' ? { kind } : source;
}

function isWithinReach(kind: number, reach: 'all' | 'people' | 'groups'): boolean {
  return reach === 'all' || kind === (reach === 'people' ? kinds.person : kinds.group);
}
