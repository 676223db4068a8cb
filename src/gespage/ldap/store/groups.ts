// Owns the writing of groups: their names, unique in the tree whatever the tenant calls them, and their end.
import type { ChangeBatch, Refusal } from '../../target.ts';
import { encodeGroup, encodeOperational } from './attributes.ts';
import { operationalPart, packEntry, userPart } from './encode.ts';
import { groupName } from './names.ts';
import { kinds } from './tables.ts';
import type { Writing } from './writing.ts';

type Group = ChangeBatch['groups'][number];

/** A group as stored; `name` is null while only its members are known. */
interface Stored {
  readonly key: number;
  readonly id: string;
  readonly name: string | null;
  /** Key of the name that it would have alone. */
  readonly wish: string | null;
  readonly position: number | null;
  readonly created: number | null;
}

const columns = 'g.key, g.id, g.name, g.wish, g.position, g.created';

/** Writes groups and, of all whose names clash, the names in the tree. Returns how many of them changed. */
export async function writeGroups(
  writing: Writing,
  groups: readonly Group[],
): Promise<{ changed: number; refused: readonly Refusal[] }> {
  const refused: Refusal[] = [];
  const wanted = new Map<string, Group>();
  for (const group of groups) {
    const fault = findFault(group);
    if (fault === undefined) wanted.set(group.externalId, group);
    else refused.push({ externalId: group.externalId, reason: fault });
  }
  const select = `SELECT ${columns} FROM json_each(?) j CROSS JOIN grp g ON g.id = j.value`;
  const stored = new Map(writing.among<Stored>(select, wanted.keys()).map((row) => [row.id, row]));
  const changes = [...wanted.values()].filter(
    ({ externalId, name }) => stored.get(externalId)?.name !== name,
  );
  const wishes = new Set<string>();
  await writing.each(changes, ({ externalId, name }) => {
    const wish = groupName(name).key;
    const old = stored.get(externalId)?.wish ?? null;
    wishes.add(wish);
    if (old !== null) wishes.add(old);
    writing
      .sql(
        `INSERT INTO grp(id, name, wish, created) VALUES (?, ?, ?, ?) ON CONFLICT(id) DO UPDATE
         SET name = excluded.name, wish = excluded.wish, created = coalesce(created, excluded.created)`,
      )
      .run(externalId, name, wish, writing.at);
  });
  await nameGroups(writing, wishes);
  return { changed: changes.length, refused };
}

/** Removes groups, with those of which only members are known; returns how many entries there were. */
export async function removeGroups(writing: Writing, ids: readonly string[]): Promise<number> {
  const select = `SELECT ${columns} FROM json_each(?) j CROSS JOIN grp g ON g.id = j.value`;
  const stored = writing.among<Stored>(select, ids);
  await writing.each(stored, ({ key, position }) => {
    writing
      .sql(
        `UPDATE entry SET groups = CASE groups WHEN :only THEN '' ELSE replace(groups, :only, ',') END
         WHERE position IN (SELECT person FROM membership WHERE grp = :key)`,
      )
      .run({ only: `,${key},`, key });
    writing.sql('DELETE FROM membership WHERE grp = ?').run(key);
    if (position !== null) writing.sql('DELETE FROM entry WHERE position = ?').run(position);
    writing.sql('DELETE FROM grp WHERE key = ?').run(key);
    writing.touched.delete(key);
  });
  await nameGroups(writing, new Set(stored.map(({ wish }) => wish).filter((wish) => wish !== null)));
  return stored.filter(({ position }) => position !== null).length;
}

/** Says once in each group whose members changed that it did. */
export async function stampTouched(writing: Writing): Promise<void> {
  const select = `SELECT ${columns}, e.packed FROM json_each(?) j CROSS JOIN grp g ON g.key = j.value
    CROSS JOIN entry e ON e.position = g.position`;
  const touched = writing.among<Stored & { readonly packed: Buffer }>(select, writing.touched);
  await writing.each(touched, ({ id, position, created, packed }) => {
    const operational = encodeOperational(id, created ?? writing.at, writing.at);
    if (operational.equals(operationalPart(packed))) return;
    const stamped = packEntry(userPart(packed), operational);
    writing.sql('UPDATE entry SET packed = ? WHERE position = ?').run(stamped, position);
  });
}

function findFault({ name }: Group): string | undefined {
  if (name === '') return 'The group has no name. Give it one in Entra ID.';
  if (name.isWellFormed() && !name.includes('\0')) return undefined;
  return 'The name holds a NUL character or half a character, which LDAP cannot carry. Correct it in Entra ID.';
}

/**
 * Gives all groups with one of these wishes their names: whoever has the least object id gets the plain one, the
 * others one with their id behind it. So it does not matter in which order they came.
 */
async function nameGroups(writing: Writing, wishes: ReadonlySet<string>): Promise<void> {
  const select = `SELECT ${columns} FROM json_each(?) j CROSS JOIN grp g ON g.wish = j.value ORDER BY g.wish, g.id`;
  const groups = writing.among<Stored>(select, wishes);
  for (const { position } of groups) {
    if (position !== null)
      writing.sql(`UPDATE entry SET key = '~' || position WHERE position = ?`).run(position);
  }
  let last: string | null = null;
  await writing.each(groups, (group) => {
    const isFirst = group.wish !== last;
    last = group.wish;
    writeEntry(writing, group, isFirst ? (group.name ?? '') : undefined);
  });
}

/** A name with an id may be another group's plain one; with the whole id it is nobody's but by intent. */
function writeEntry(writing: Writing, group: Stored, plain: string | undefined): void {
  const { id, name } = group;
  const choices = plain === undefined ? [] : [plain];
  choices.push(`${name} (${id.slice(0, 8)})`, `${name} (${id})`);
  const chosen =
    choices.find((choice) => !isTaken(writing, groupName(choice).key)) ?? `${name} (${id}) (${id})`;
  const place = groupName(chosen);
  const encoded = encodeGroup(id, chosen, writing.base.dnOf(place.name));
  if (group.position !== null && isNamed(writing, group.position, place.name, encoded)) {
    writing.sql('UPDATE entry SET key = ? WHERE position = ?').run(place.key, group.position);
    return;
  }
  const packed = packEntry(encoded, encodeOperational(id, group.created ?? writing.at, writing.at));
  if (group.position !== null) {
    writing
      .sql('UPDATE entry SET key = ?, name = ?, packed = ? WHERE position = ?')
      .run(place.key, place.name, packed, group.position);
    return;
  }
  const { lastInsertRowid } = writing
    .sql(`INSERT INTO entry(kind, key, name, packed, groups) VALUES (${kinds.group}, ?, ?, ?, '')`)
    .run(place.key, place.name, packed);
  writing.sql('UPDATE grp SET position = ? WHERE key = ?').run(lastInsertRowid, group.key);
}

function isTaken(writing: Writing, key: string): boolean {
  return writing.sql('SELECT 1 FROM entry WHERE key = ?').get(key) !== undefined;
}

function isNamed(writing: Writing, position: number, name: string, encoded: Buffer): boolean {
  const select = 'SELECT packed FROM entry WHERE position = ? AND name = ?';
  const packed = writing.sql(select).pluck().get(position, name) as Buffer | undefined;
  return packed !== undefined && userPart(packed).equals(encoded);
}
