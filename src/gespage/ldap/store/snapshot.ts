// Owns reading: one consistent revision of the tree, its entries in the order of their positions, a few at a time.
import type Database from 'better-sqlite3';
import { parentOf } from '../dn.ts';
import type { Attribute, Entry, Found, Query, Snapshot } from '../directory.ts';
import { decodeAttributes, encodeAttributes, operationalPart, userPart } from './encode.ts';
import { locate } from './locate.ts';
import type { Base } from './names.ts';
import { narrow, smaller, type Source } from './narrow.ts';
import { kinds, lastFixedPosition } from './tables.ts';
import { DirectoryUnavailable } from './unavailable.ts';
import { createStatements, splitKeys, type Writing } from './writing.ts';

type Row = [
  position: number,
  kind: number,
  name: string,
  packed: Buffer,
  groups: string,
  unit: number | null,
];

/** The part of the tree that a search is about. */
interface Reach {
  /** Positions of those of the fixed entries that it holds. */
  readonly fixed: readonly number[];
  /** Where those below are among; undefined where there are none. */
  readonly below: Source | undefined;
  readonly holds: (row: Row) => boolean;
}

const columns = 'e.position, e.kind, e.name, e.packed, e.groups, e.unit';
const all: Source = { kind: 'all' };
const everything: Reach = { fixed: [1, 2, 3], below: all, holds: () => true };
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

  const exists = (key: string): boolean => locate(key, sql) !== undefined;

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
        return read(`FROM entry e WHERE ${where}`, after, limit);
      case 'people':
        return read(`FROM entry e WHERE e.kind = ${kinds.person} AND ${where}`, after, limit);
      case 'groups':
        return read(
          `FROM entry e INDEXED BY entry_group WHERE e.kind = ${kinds.group} AND ${where}`,
          after,
          limit,
        );
      case 'units':
        return read(
          `FROM entry e INDEXED BY entry_is_unit WHERE e.kind = ${kinds.unit} AND ${where}`,
          after,
          limit,
        );
      case 'unit':
        return read(
          `FROM entry e INDEXED BY entry_unit WHERE e.unit = ? AND ${where}`,
          source.unit,
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
      const reach = reachOf(query, base, sql);
      const behind = query.after ?? 0;
      const fixed = reach.fixed.filter((position) => position > behind);
      for (const row of read(
        'FROM json_each(?) j CROSS JOIN entry e ON e.position = j.value ORDER BY e.position',
        JSON.stringify(fixed),
      ))
        yield { position: row[0], entry: new StoredEntry(row, base, encodeLinks) };
      if (reach.below === undefined) return;
      const source = smaller(reach.below, narrow(query.filter, base, { sql, among }));
      // Whatever the source, the fixed entries have had their turn.
      let after = Math.max(behind, lastFixedPosition);
      for (let limit = chunkSizes.first; ; limit = chunkSizes.later) {
        const rows = readChunk(source, after, limit);
        for (const row of rows) {
          after = row[0];
          if (reach.holds(row)) yield { position: after, entry: new StoredEntry(row, base, encodeLinks) };
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

function reachOf({ base: dn, scope }: Query, base: Base, sql: Writing['sql']): Reach {
  const key = base.relative(dn);
  const isBelow = scope === 'subtree';
  if (key === undefined) {
    // Above the tree there is nothing of ours, but all of it is below the root.
    return isBelow && (dn === '' || base.normal.endsWith(`,${dn}`)) ? everything : only([]);
  }
  switch (key) {
    case '':
      if (isBelow) return everything;
      return only(scope === 'base' ? [1] : [2, 3]);
    case 'ou=people':
      if (scope === 'base') return only([2]);
      // Units of departments stand among people.
      return {
        fixed: isBelow ? [2] : [],
        below: all,
        holds: ([position, kind, , , , unit]) =>
          kind !== kinds.group && (isBelow || unit === null || unit === position),
      };
    case 'ou=groups':
      if (scope === 'base') return only([3]);
      return {
        fixed: isBelow ? [3] : [],
        below: { kind: 'groups' },
        holds: ([, kind]) => kind === kinds.group,
      };
    default: {
      const found = locate(key, sql);
      if (found === undefined) return only([]);
      const { position, kind } = found;
      if (kind !== kinds.unit || scope === 'base') return only(scope === 'one' ? [] : [position]);
      return {
        fixed: [],
        below: { kind: 'unit', unit: position },
        holds: (row) => row[5] === position && (isBelow || row[0] !== position),
      };
    }
  }
}

/** Single entries, and none below. */
function only(positions: readonly number[]): Reach {
  return { fixed: positions, below: undefined, holds: () => false };
}
