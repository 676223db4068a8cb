// Owns the writing of people: what changes, whose login gives way, who cannot be an entry, and the memberships.
import { loginKey } from '../../../accounts/login.ts';
import type { Account } from '../../../accounts/model.ts';
import type { Refusal } from '../../target.ts';
import { commonName, encodeOperational, encodePerson } from './attributes.ts';
import { packEntry } from './encode.ts';
import { personName, valueKey } from './names.ts';
import { kinds } from './tables.ts';
import { unitOf } from './units.ts';
import { joinKeys, splitKeys, type Writing } from './writing.ts';

/** A person as stored: the account without its groups, and the groups by their keys. */
interface Stored {
  readonly position: number;
  readonly id: string;
  readonly account: string;
  readonly created: number;
  readonly key: string;
  readonly name: string;
  readonly groups: string;
}

/** What a person is to become. */
interface Wanted {
  readonly account: Account;
  readonly key: string;
  readonly groups: string;
}

interface Change extends Wanted {
  /** The account as it is to be stored. */
  readonly text: string;
  /** Undefined for somebody new. */
  readonly old: Stored | undefined;
}

export interface WrittenPeople {
  readonly changed: number;
  readonly refused: readonly Refusal[];
}

const selectStored = `SELECT p.position, p.id, p.account, p.created, e.key, e.name, e.groups FROM json_each(?) j`;

/**
 * Brings people to their wanted state, each id at most once. Someone refused who has an entry keeps it as it was,
 * but is disabled, and loses groups, where that is wanted: nobody keeps access that the directory took away.
 */
export async function writePeople(writing: Writing, accounts: readonly Account[]): Promise<WrittenPeople> {
  const stored = readStored(
    writing,
    accounts.map(({ externalId }) => externalId),
  );
  const keyOf = internGroups(writing, accounts);
  const toWanted = (account: Account): Wanted => ({
    account,
    key: personName(account.login).key,
    groups: joinKeys(account.groups.map(keyOf)),
  });
  const refused = new Map<string, string>();
  const sound = accounts.filter((account) => {
    const fault = findFault(account);
    if (fault !== undefined) refused.set(account.externalId, fault);
    return fault === undefined;
  });
  const { accepted, holders } = judgeLogins(writing, sound.map(toWanted), refused);

  const wanted = new Map(accepted.map((one) => [one.account.externalId, one]));
  for (const account of accounts) {
    const old = stored.get(account.externalId);
    if (old && refused.has(account.externalId))
      wanted.set(account.externalId, restrict(old, account, toWanted));
  }
  // Of one login there is one entry: whoever still has it, and wants another one in a batch to come, gives it up.
  for (const holder of holders.values()) {
    const own = wanted.get(holder.id);
    if (own && !refused.has(holder.id)) continue;
    stored.set(holder.id, holder);
    const account = { ...(own?.account ?? readAccount(holder)), login: `~${holder.id}` };
    const key = personName(account.login).key;
    wanted.set(holder.id, { account, key, groups: own?.groups ?? holder.groups });
  }
  const changed = await store(writing, stored, [...wanted.values()]);
  return {
    changed,
    refused: [...refused].map(([externalId, reason]) => ({ externalId, reason })),
  };
}

/** Removes people with their memberships; returns how many there were. */
export async function removePeople(writing: Writing, ids: readonly string[]): Promise<number> {
  const stored = [...readStored(writing, ids).values()];
  await writing.each(stored, ({ position, groups }) => {
    for (const key of splitKeys(groups)) leave(writing, key, position);
    writing.sql('DELETE FROM entry WHERE position = ?').run(position);
    writing.sql('DELETE FROM person WHERE position = ?').run(position);
  });
  return stored.length;
}

function readStored(writing: Writing, ids: readonly string[]): Map<string, Stored> {
  const rows = writing.among<Stored>(
    `${selectStored} CROSS JOIN person p ON p.id = j.value CROSS JOIN entry e ON e.position = p.position`,
    ids,
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** Keys of all groups that are named, those included of which the name is not known yet. */
function internGroups(writing: Writing, accounts: readonly Account[]): (id: string) => number {
  const ids = new Set(accounts.flatMap(({ groups }) => groups));
  const select = 'SELECT g.id, g.key FROM json_each(?) j CROSS JOIN grp g ON g.id = j.value';
  const rows = writing.among<{ id: string; key: number }>(select, ids);
  const keys = new Map(rows.map(({ id, key }) => [id, key]));
  for (const id of ids) {
    if (!keys.has(id))
      keys.set(id, Number(writing.sql('INSERT INTO grp(id) VALUES (?)').run(id).lastInsertRowid));
  }
  return (id) => keys.get(id) ?? 0;
}

function findFault({ login, fields, externalId }: Account): string | undefined {
  if (login === '') return 'There is no login. Give the person one of the properties that login.from names.';
  const texts = [externalId, login, ...Object.values(fields)];
  if (texts.every((text) => text === null || (text.isWellFormed() && !text.includes('\0')))) return undefined;
  return 'A value holds a NUL character or half a character, which LDAP cannot carry. Correct it in Entra ID.';
}

/** Who may have the wanted login, and who holds it at the moment and must give way. */
function judgeLogins(writing: Writing, wishes: readonly Wanted[], refused: Map<string, string>) {
  const accepted = new Map<string, Wanted>();
  for (const wish of wishes) {
    const { externalId, login } = wish.account;
    const other = accepted.get(wish.key)?.account.externalId;
    if (other === undefined) accepted.set(wish.key, wish);
    else
      refused.set(
        externalId,
        `The login ${login} is wanted for ${other} too. Give one of them another login.`,
      );
  }
  const holders = new Map<string, Stored>();
  const select = `${selectStored} CROSS JOIN entry e ON e.key = j.value CROSS JOIN person p ON p.position = e.position`;
  for (const row of writing.among<Stored>(select, accepted.keys())) {
    if (accepted.get(row.key)?.account.externalId !== row.id) holders.set(row.key, row);
  }
  for (let isSettled = false; !isSettled;) {
    isSettled = true;
    const moving = new Set([...accepted.values()].map(({ account }) => account.externalId));
    for (const [key, holder] of holders) {
      const wish = accepted.get(key);
      if (wish === undefined) {
        holders.delete(key);
        continue;
      }
      const { login, externalId } = wish.account;
      const held = readAccount(holder).login;
      // The rules take them for one login too, so its holder is about to get another one.
      if (moving.has(holder.id) || loginKey(held) === loginKey(login)) continue;
      refused.set(
        externalId,
        `The login ${login} differs from the login ${held} of ${holder.id} only in what LDAP does not tell apart ` +
          '(spaces, forms of letters). Give one of them another login.',
      );
      accepted.delete(key);
      holders.delete(key);
      isSettled = false;
    }
  }
  return { accepted: [...accepted.values()], holders };
}

function restrict(old: Stored, account: Account, toWanted: (account: Account) => Wanted): Wanted {
  const kept = readAccount(old);
  return toWanted({ ...kept, enabled: kept.enabled && account.enabled, groups: account.groups });
}

function readAccount({ account, id }: Stored): Account {
  return { ...(JSON.parse(account) as Omit<Account, 'externalId' | 'groups'>), externalId: id, groups: [] };
}

function writeAccount({ login, fields, enabled }: Account): string {
  return JSON.stringify({ login, fields, enabled });
}

async function store(
  writing: Writing,
  stored: ReadonlyMap<string, Stored>,
  wishes: readonly Wanted[],
): Promise<number> {
  const changes = wishes.flatMap((wish): Change[] => {
    const old = stored.get(wish.account.externalId);
    const text = writeAccount(wish.account);
    return old?.account === text && old.groups === wish.groups ? [] : [{ ...wish, text, old }];
  });
  // Keys change hands within the batch; none may be there twice, for a moment either.
  for (const { old, key } of changes) {
    if (old && old.key !== key)
      writing.sql(`UPDATE entry SET key = '~' || position WHERE position = ?`).run(old.position);
  }
  await writing.each(changes, (change) => {
    const unit = unitOf(writing, change.account);
    const { name } = personName(change.account.login, unit);
    const place = { name, unit: unit?.position ?? null };
    const position =
      change.old === undefined ? insert(writing, change, place) : update(writing, change, place, change.old);
    moveGroups(writing, position, change, name);
  });
  return changes.length;
}

const insertEntry = `INSERT INTO entry(kind, key, name, packed, groups, cn_key, mail_key, unit)
  VALUES (${kinds.person}, ?, ?, ?, ?, ?, ?, ?)`;
const insertPerson = 'INSERT INTO person(position, id, account, created) VALUES (?, ?, ?, ?)';
const updateEntry = `UPDATE entry SET key = ?, name = ?, packed = ?, groups = ?, cn_key = ?, mail_key = ?, unit = ?
  WHERE position = ?`;
const updatePerson = 'UPDATE person SET account = ? WHERE position = ?';

/** Where somebody comes to stand. */
interface Place {
  readonly name: string;
  readonly unit: number | null;
}

function insert(writing: Writing, { account, key, groups, text }: Change, { name, unit }: Place): number {
  const { packed, cn, mail } = encode(writing, account, name, writing.at);
  const { lastInsertRowid } = writing.sql(insertEntry).run(key, name, packed, groups, cn, mail, unit);
  const position = Number(lastInsertRowid);
  writing.sql(insertPerson).run(position, account.externalId, text, writing.at);
  return position;
}

function update(
  writing: Writing,
  { account, key, groups, text }: Change,
  { name, unit }: Place,
  { position, created }: Stored,
): number {
  const { packed, cn, mail } = encode(writing, account, name, created);
  writing.sql(updateEntry).run(key, name, packed, groups, cn, mail, unit, position);
  writing.sql(updatePerson).run(text, position);
  return position;
}

function encode({ base, at }: Writing, account: Account, name: string, created: number) {
  const { email } = account.fields;
  return {
    packed: packEntry(
      encodePerson(account, base.dnOf(name), base),
      encodeOperational(account.externalId, created, at),
    ),
    cn: valueKey(commonName(account)),
    mail: email === null ? null : valueKey(email),
  };
}

const join = 'INSERT INTO membership(grp, person, name) VALUES (?, ?, ?)';
const rename = 'UPDATE membership SET name = ? WHERE grp = ? AND person = ?';

/** Brings a person's memberships to the wanted ones; groups name their members, so a new name changes them too. */
function moveGroups(writing: Writing, position: number, { groups, old }: Change, name: string): void {
  const isRenamed = old !== undefined && old.name !== name;
  if (old?.groups === groups && !isRenamed) return;
  const had = new Set(splitKeys(old?.groups ?? ''));
  const gets = new Set(splitKeys(groups));
  for (const key of had) if (!gets.has(key)) leave(writing, key, position);
  for (const key of gets) {
    if (had.has(key) && !isRenamed) continue;
    if (had.has(key)) writing.sql(rename).run(name, key, position);
    else writing.sql(join).run(key, position, name);
    writing.touched.add(key);
  }
}

function leave(writing: Writing, key: number, position: number): void {
  writing.sql('DELETE FROM membership WHERE grp = ? AND person = ?').run(key, position);
  writing.touched.add(key);
}
