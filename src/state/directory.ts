// Owns the mirror of the tenant: users, groups and direct memberships as last read.
import type { ObjectState } from '../accounts/model.ts';
import type { State } from './database.ts';
import { mergeProperties } from './merge.ts';
import type { Meta } from './meta.ts';
import { createObjectKeys, type ObjectKeys } from './object-keys.ts';

export interface MemberRead {
  readonly id: string;
  readonly type: 'user' | 'group' | 'other' | 'unknown';
  readonly removed: boolean;
}

/** One object as a read of Graph gave it. */
export interface ObjectRead {
  readonly id: string;
  /** `changed`: soft-deleted; `deleted`: gone for good. */
  readonly removed?: 'changed' | 'deleted';
  /** Selected properties; null means cleared, absent means nothing is said. */
  readonly properties: Readonly<Record<string, unknown>>;
  /** Groups only: members added or removed, in document order; never the whole list. */
  readonly members?: readonly MemberRead[];
}

/** Why people are to be settled again. */
export interface Cause {
  readonly text: string;
  /** Receipt of the notification that led to this read of an object, for the measure of propagation. */
  pingedAt(objectId: string): number | null;
}

export interface Directory {
  /** The next read number, taken when a request to Graph begins: newest read wins, whatever the clock does. */
  beginRead(): number;
  /** Joins one page to the mirror, in response order; returns the ids of the objects whose mirror changed. */
  apply(
    kind: 'user' | 'group',
    page: { read: number; objects: readonly ObjectRead[] },
    cause: Cause,
    /** Called for each object that was left out, since the mirror holds a read that began later. */
    onOutdated?: (id: string) => void,
  ): Set<string>;
  /**
   * After a complete round: what the round should have shown and did not is gone. Works on a range of keys after
   * `afterKey`; returns the last key of the range, or undefined at the end.
   */
  sweep(kind: 'user' | 'group', beforeRead: number, afterKey: number, cause: Cause): number | undefined;
  /** Whether a round of groups that began at this read left something unseen: a group, or a membership. */
  hasStaleGroups(beforeRead: number): boolean;
  /** Before the first full round of groups: memberships are written without the index that finds groups by member. */
  beginBulk(): void;
  /** After it: makes that index, and puts right what needs it. */
  endBulk(): void;
  /** Groups whose members Graph hides from this application: the last full round showed none. */
  hiddenGroups(): string[];
  counts(): { users: number; groups: number; memberships: number };
  stateOf(id: string): ObjectState | 'unread' | undefined;
}

interface Row {
  key: number;
  kind: string;
  state: ObjectState | 'unread';
  properties: string | null;
  read: number;
}

const sweepRange = 5_000;
const keysAtOnce = 5_000;

/**
 * Memberships that a complete round did not show. Not those of soft-deleted members, which Graph keeps too, and not
 * those of a group that hides its members and showed none at all.
 */
export const staleMemberships = `FROM membership m WHERE m.group_key > :after AND m.group_key <= :last AND m.read < :before
  AND (SELECT state FROM directory_object WHERE key = m.member_key) <> 'soft-deleted'
  AND NOT EXISTS (SELECT 1 FROM directory_object g WHERE g.key = m.group_key
    AND g.properties ->> 'visibility' = 'HiddenMembership'
    AND NOT EXISTS (SELECT 1 FROM membership s WHERE s.group_key = m.group_key AND s.read >= :before))`;

export function createDirectory(state: State, meta: Meta): Directory {
  let reservedReads = meta.counter('read');
  let lastRead = reservedReads;
  const find = state.sql('SELECT key, kind, state, properties, read FROM directory_object WHERE id = ?');
  const insert = state.sql(
    'INSERT INTO directory_object(id, kind, state, properties, read) VALUES (?, ?, ?, ?, ?)',
  );
  const update = state.sql(
    'UPDATE directory_object SET kind = ?, state = ?, properties = ?, read = ? WHERE key = ?',
  );
  const touch = state.sql('UPDATE directory_object SET read = ? WHERE key = ?');
  const markStatement = state.sql(
    `INSERT INTO unsettled(key, cause, pinged_at) VALUES (?, ?, ?)
     ON CONFLICT(key) DO UPDATE SET pinged_at = coalesce(pinged_at, excluded.pinged_at)`,
  );
  const mark = (key: number, cause: Cause, pingedAt: number | null): void =>
    void markStatement.run(key, pingedAt === null ? cause.text : 'notification', pingedAt);
  const markMembers = state.sql(
    `INSERT INTO unsettled(key, cause, pinged_at)
     SELECT member_key, :cause, :pingedAt FROM membership WHERE group_key = :group AND nested = 0
     ON CONFLICT(key) DO NOTHING`,
  );
  const hasAccount = state.sql('SELECT 1 FROM account WHERE key = ?');
  const reached = state.sql('SELECT 1 FROM group_reach WHERE group_key = ? LIMIT 1').pluck();
  const findMember = state.sql('SELECT key, kind, state FROM directory_object WHERE id = ?');
  const addEdge = state.sql(
    'INSERT INTO membership(group_key, member_key, nested, read) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const touchEdge = state.sql('UPDATE membership SET read = ? WHERE group_key = ? AND member_key = ?');
  const dropEdge = state.sql('DELETE FROM membership WHERE group_key = ? AND member_key = ? AND read <= ?');
  const dropEdgesOfMember = state.sql('DELETE FROM membership WHERE member_key = ?');
  const dropEdgesOfGroup = state.sql('DELETE FROM membership WHERE group_key = ?');
  const addEdges = state.sql(
    `INSERT INTO membership(group_key, member_key, nested, read)
     SELECT :group, value, :nested, :read FROM json_each(:list) WHERE true
     ON CONFLICT DO UPDATE SET read = excluded.read`,
  );
  const byMember = 'membership_member';
  let isBulk = state.sql('SELECT 1 FROM sqlite_master WHERE name = ?').pluck().get(byMember) === undefined;
  /** Only while `isBulk`; holds what was committed. */
  let bulkKeys: ObjectKeys | undefined;
  /** As two lists, since a row for each takes several times as long. */
  const someKeys = state.sql(
    `SELECT group_concat(id) AS ids, group_concat(key) AS keys, max(key) AS last
     FROM (SELECT id, key FROM directory_object WHERE key > ? ORDER BY key LIMIT ?)`,
  );
  /** Learnt with the page in hand, whose transaction may yet come to nothing. */
  let freshKeys = new Map<string, number>();
  const becomeNested = state.sql('UPDATE membership SET nested = 1 WHERE member_key = ?');

  /** Who was taken for gone and was not may have missed memberships. */
  const wantAllGroups = state.sql(`UPDATE stream SET full_wanted = ? WHERE name = 'groups'`);
  /**
   * Memberships of a deleted person that a full round need not have shown: one that they outlived, or one under way, whose
   * pages and sweep may have passed the person already.
   */
  const hasOldEdges = state.sql(
    `SELECT 1 FROM membership m JOIN stream s ON s.name = 'groups'
     WHERE m.member_key = ? AND m.read < max(coalesce(s.full_read, 0), coalesce(s.sweep_read, 0),
       CASE s.round WHEN 'full' THEN s.round_read ELSE 0 END) LIMIT 1`,
  );
  const reachIsDirty = (): void => {
    if (!isBulk) meta.setCounter('reach-dirty', 1);
  };

  function remove(kind: 'user' | 'group', row: Row, to: ObjectState, cause: Cause, id: string): void {
    const pingedAt = cause.pingedAt(id);
    // What a person was called is kept until the account is gone, so that an operator can still be told.
    update.run(kind, to, row.properties, row.read, row.key);
    if (kind === 'group') {
      reachIsDirty();
      if (row.kind !== 'group' && !isBulk) becomeNested.run(row.key);
    } else if (row.state !== 'unread' || hasAccount.get(row.key) !== undefined)
      mark(row.key, cause, pingedAt);
    if (to !== 'gone') return;
    if (kind === 'group') {
      if (reached.get(row.key)) markMembers.run({ group: row.key, cause: cause.text, pingedAt });
      dropEdgesOfGroup.run(row.key);
    }
    // Graph's group stream may stay silent about the memberships of an object deleted for good.
    if (!isBulk) dropEdgesOfMember.run(row.key);
  }

  function applyMembers(
    groupKey: number,
    members: readonly MemberRead[],
    read: number,
    cause: Cause,
    groupId: string,
  ): boolean {
    if (isBulk && members.every((member) => !member.removed)) return addMembers(groupKey, members, read);
    const isReached = reached.get(groupKey) !== undefined;
    const pingedAt = isReached ? cause.pingedAt(groupId) : null;
    let changed = false;
    for (const member of members) {
      let known = findMember.get(member.id) as Pick<Row, 'key' | 'kind' | 'state'> | undefined;
      if (!known) {
        if (member.removed) continue;
        const kind = member.type;
        known = {
          key: Number(insert.run(member.id, kind, 'unread', null, 0).lastInsertRowid),
          kind,
          state: 'unread',
        };
      }
      const nested = known.kind === 'group' || (known.kind === 'unknown' && member.type === 'group');
      let edgeChanged: boolean;
      // The streams are not ordered against each other: a membership can be told after its member's end.
      if (!member.removed && known.state === 'gone') continue;
      if (member.removed) {
        edgeChanged = dropEdge.run(groupKey, known.key, read).changes > 0;
      } else {
        edgeChanged = addEdge.run(groupKey, known.key, nested ? 1 : 0, read).changes > 0;
        if (!edgeChanged) touchEdge.run(read, groupKey, known.key);
      }
      if (!edgeChanged) continue;
      changed = true;
      if (nested) reachIsDirty();
      else if (isReached) mark(known.key, cause, pingedAt);
    }
    return changed;
  }

  /**
   * Who left a group between the last round and the group's deletion is told by no round: a deleted group shows no
   * members, a restored one those who are left. Of a person, a full round meanwhile need not have shown memberships.
   */
  const mayHaveMissed = (kind: 'user' | 'group', key: number): boolean =>
    kind === 'group' || isBulk || hasOldEdges.get(key) !== undefined;

  function applyPresent(kind: 'user' | 'group', object: ObjectRead, row: Row | undefined, read: number) {
    const known = row?.properties ? (JSON.parse(row.properties) as Record<string, unknown>) : {};
    const text = JSON.stringify(mergeProperties(known, object.properties));
    if (!row) {
      const key = Number(insert.run(object.id, kind, 'present', text, read).lastInsertRowid);
      if (kind === 'group') reachIsDirty();
      return { key, changed: true };
    }
    if (row.state === 'present' && row.properties === text) {
      touch.run(read, row.key);
      return { key: row.key, changed: false };
    }
    update.run(kind, 'present', text, read, row.key);
    if (row.state === 'gone' || (row.state === 'soft-deleted' && mayHaveMissed(kind, row.key))) {
      wantAllGroups.run(lastRead + 1);
    }
    if (kind === 'group') {
      reachIsDirty();
      if (row.kind !== 'group') becomeNested.run(row.key);
    }
    return { key: row.key, changed: true };
  }

  function applyObject(
    kind: 'user' | 'group',
    object: ObjectRead,
    read: number,
    cause: Cause,
  ): boolean | 'outdated' {
    const row = find.get(object.id) as Row | undefined;
    if (row && row.read > read) return 'outdated';
    if (object.removed) {
      if (!row) return false;
      const to = object.removed === 'deleted' ? 'gone' : 'soft-deleted';
      if (row.state === to) {
        touch.run(read, row.key);
        return false;
      }
      remove(kind, { ...row, read }, to, cause, object.id);
      return true;
    }
    const { key, changed } = applyPresent(kind, object, row, read);
    if (changed && kind === 'user') mark(key, cause, cause.pingedAt(object.id));
    const membersChanged =
      object.members !== undefined && applyMembers(key, object.members, read, cause, object.id);
    return changed || membersChanged;
  }

  /** Many members at once, while nobody is settled yet; `endBulk` drops those of the gone. */
  function addMembers(groupKey: number, members: readonly MemberRead[], read: number): boolean {
    const keys: [number[], number[]] = [[], []];
    for (const member of members) keys[member.type === 'group' ? 1 : 0].push(memberKey(member));
    for (const nested of [0, 1] as const) {
      // In the order of the table, so that each row goes behind the one before.
      const list = Int32Array.from(keys[nested]).sort().join();
      if (list !== '') addEdges.run({ group: groupKey, nested, read, list: `[${list}]` });
    }
    return members.length > 0;
  }

  /** The key of a member in the first full round of groups; who is not known yet gets a stub. */
  function memberKey({ id, type }: MemberRead): number {
    const known = bulkKeys?.get(id) ?? freshKeys.get(id);
    if (known !== undefined) return known;
    const row = findMember.get(id) as Pick<Row, 'key'> | undefined;
    const key = row?.key ?? Number(insert.run(id, type, 'unread', null, 0).lastInsertRowid);
    freshKeys.set(id, key);
    return key;
  }

  /** Before a page of the first full round of groups is applied. */
  function knowKeys(): void {
    if (!bulkKeys) {
      const count = state.sql('SELECT count(*) FROM directory_object').pluck().get() as number;
      bulkKeys = createObjectKeys(count);
      for (let after: number | null = 0; after !== null;) {
        const part = someKeys.get(after, keysAtOnce) as {
          ids: string | null;
          keys: string | null;
          last: number | null;
        };
        const ids = part.ids?.split(',') ?? [];
        const keys = part.keys?.split(',') ?? [];
        for (const [place, id] of ids.entries()) bulkKeys.add(id, Number(keys[place]));
        after = part.last;
      }
    } else {
      for (const [id, key] of freshKeys) {
        const kept = findMember.get(id) as Pick<Row, 'key'> | undefined;
        if (kept?.key === key) bulkKeys.add(id, key);
      }
    }
    freshKeys = new Map();
  }

  return {
    beginRead() {
      lastRead += 1;
      // Numbers are reserved on disk before they are given out: after a crash none is given twice.
      if (lastRead > reservedReads) {
        meta.setCounter('read', lastRead + 1_000);
        reservedReads = lastRead + 1_000;
      }
      return lastRead;
    },
    apply(kind, page, cause, onOutdated) {
      const changed = new Set<string>();
      if (isBulk && kind === 'group') knowKeys();
      state.transaction(() => {
        for (const object of page.objects) {
          const outcome = applyObject(kind, object, page.read, cause);
          if (outcome === 'outdated') onOutdated?.(object.id);
          else if (outcome) changed.add(object.id);
        }
      });
      return changed;
    },
    sweep(kind, beforeRead, afterKey, cause) {
      return state.transaction(() => {
        const last = state
          .sql('SELECT max(key) FROM (SELECT key FROM directory_object WHERE key > ? ORDER BY key LIMIT ?)')
          .pluck()
          .get(afterKey, kind === 'user' ? sweepRange : sweepRange / 10) as number | null;
        if (last === null) return undefined;
        const unseen = state
          .sql(
            `SELECT key, kind, id, state, properties, read FROM directory_object
             WHERE key > ? AND key <= ? AND kind = ? AND read < ? AND (state = 'present'
               OR state = 'unread' AND EXISTS (SELECT 1 FROM account WHERE account.key = directory_object.key))`,
          )
          .all(afterKey, last, kind, beforeRead) as (Row & { id: string })[];
        for (const row of unseen) {
          update.run(kind, 'gone', row.properties, row.read, row.key);
          if (kind === 'user') mark(row.key, cause, null);
          else reachIsDirty();
        }
        if (kind === 'group') sweepEdges(afterKey, last, beforeRead, cause);
        return last;
      });
    },
    hasStaleGroups: (beforeRead) =>
      state
        .sql(
          `SELECT EXISTS (SELECT 1 FROM directory_object WHERE kind = 'group' AND state = 'present' AND read < :before)
                  OR EXISTS (SELECT 1 FROM membership WHERE read < :before)`,
        )
        .pluck()
        .get({ before: beforeRead }) === 1,
    beginBulk() {
      if (isBulk || state.sql('SELECT 1 FROM membership LIMIT 1').get() !== undefined) return;
      state.sql(`DROP INDEX ${byMember}`).run();
      isBulk = true;
    },
    endBulk() {
      if (!isBulk) return;
      state.transaction(() => {
        state.sql(`CREATE INDEX ${byMember} ON membership(member_key, group_key)`).run();
        const idsOf = (where: string) => `(SELECT key FROM directory_object WHERE ${where})`;
        state.sql(`DELETE FROM membership WHERE member_key IN ${idsOf(`state = 'gone'`)}`).run();
        state
          .sql(
            `UPDATE membership SET nested = 1 WHERE nested = 0 AND member_key IN ${idsOf(`kind = 'group'`)}`,
          )
          .run();
        meta.setCounter('reach-dirty', 1);
      });
      isBulk = false;
      bulkKeys = undefined;
    },
    hiddenGroups: () =>
      state
        .sql(
          `SELECT o.id FROM directory_object o WHERE o.kind = 'group' AND o.state = 'present'
           AND o.properties ->> 'visibility' = 'HiddenMembership'
           AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.group_key = o.key
             AND m.read >= coalesce((SELECT full_read FROM stream WHERE name = 'groups'), 0))`,
        )
        .pluck()
        .all() as string[],
    counts: () =>
      state
        .sql(
          `SELECT (SELECT count(*) FROM directory_object WHERE kind = 'user' AND state = 'present') AS users,
                  (SELECT count(*) FROM directory_object WHERE kind = 'group' AND state = 'present') AS groups,
                  (SELECT count(*) FROM membership) AS memberships`,
        )
        .get() as { users: number; groups: number; memberships: number },
    stateOf: (id) => (find.get(id) as Row | undefined)?.state,
  };

  /**
   * Drops the memberships that a complete round did not show. Kept are those of soft-deleted members, which Graph
   * keeps too, and those of a group that hides its members and showed none at all.
   */
  function sweepEdges(afterKey: number, last: number, beforeRead: number, cause: Cause): void {
    const range = { after: afterKey, last, before: beforeRead };
    const stale = staleMemberships;
    state
      .sql(
        `INSERT INTO unsettled(key, cause) SELECT m.member_key, :cause ${stale} AND m.nested = 0
         AND EXISTS (SELECT 1 FROM group_reach r WHERE r.group_key = m.group_key) ON CONFLICT(key) DO NOTHING`,
      )
      .run({ ...range, cause: cause.text });
    const nested = state.sql(`SELECT 1 ${stale} AND m.nested = 1 LIMIT 1`);
    if (nested.get(range)) reachIsDirty();
    state
      .sql(
        `DELETE FROM membership WHERE (group_key, member_key) IN (SELECT m.group_key, m.member_key ${stale})`,
      )
      .run(range);
  }
}
