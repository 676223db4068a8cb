// Owns the tables of the state database: inbox, mirror of the directory, ledger of accounts, and bookkeeping.
// Times are milliseconds since 1970 (UTC); ids of directory objects are lower-case GUIDs.
import { sql } from './drizzle.ts';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from './drizzle.ts';

/** Single values: ledger id, read clock, revision, inbox cursor, pause of the Graph gate, … */
export const meta = sqliteTable('meta', {
  key: text().primaryKey(),
  value: text().notNull(),
});

/** Our subscriptions at Microsoft Graph. The client state cannot be read back from Graph, so it lives here. */
export const subscription = sqliteTable('subscription', {
  id: text().primaryKey(),
  resource: text({ enum: ['users', 'groups'] }).notNull(),
  clientState: text('client_state').notNull(),
  notificationUrl: text('notification_url').notNull(),
  expiresAt: integer('expires_at').notNull(),
  createdAt: integer('created_at').notNull(),
  /** Last PATCH or creation: renewal and re-authorisation must not meet within ten minutes. */
  touchedAt: integer('touched_at').notNull(),
  /** When Graph last asked for re-authorisation, until answered. */
  challengedAt: integer('challenged_at'),
  /** Set when Graph or a comparison said that it is gone: to be made again. */
  lostAt: integer('lost_at'),
});

/** Each item that came in by the public door, with the verdict on it. Append-only; a cursor says what is folded. */
export const notification = sqliteTable(
  'notification',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    receivedAt: integer('received_at').notNull(),
    verdict: text().notNull(),
    kind: text({ enum: ['change', 'lifecycle', 'unknown'] }).notNull(),
    subscriptionId: text('subscription_id'),
    event: text(),
    resource: text({ enum: ['users', 'groups'] }),
    objectId: text('object_id'),
    /** Rejected items of one request that are alike share a row. */
    count: integer().notNull().default(1),
  },
  (t) => [
    index('notification_rejected')
      .on(t.id)
      .where(sql`verdict <> 'accepted'`),
  ],
);

/** An object to look at again: pings for it fold into one row; `version` tells whether one came meanwhile. */
export const ping = sqliteTable(
  'ping',
  {
    resource: text({ enum: ['users', 'groups'] }).notNull(),
    objectId: text('object_id').notNull(),
    version: integer().notNull().default(1),
    /** Receipt of the oldest notification not yet answered by a read that showed something. */
    firstAt: integer('first_at').notNull(),
    dueAt: integer('due_at').notNull(),
    attempt: integer().notNull().default(0),
    /** 1 once a read showed something new: one more agreeing read closes it. */
    shown: integer().notNull().default(0),
    error: text(),
  },
  (t) => [primaryKey({ columns: [t.resource, t.objectId] }), index('ping_due').on(t.resource, t.dueAt)],
);

/** One delta stream: where it stands and when it runs next. */
export const stream = sqliteTable('stream', {
  name: text({ enum: ['users', 'groups'] }).primaryKey(),
  /** The `$select` that the links belong to. */
  selected: text().notNull(),
  deltaLink: text('delta_link'),
  /** Kind of the round under way, or null. */
  round: text({ enum: ['full', 'incremental'] }),
  nextLink: text('next_link'),
  /** Read number at which the round under way began. */
  roundRead: integer('round_read'),
  roundStartedAt: integer('round_started_at'),
  roundPages: integer('round_pages').notNull().default(0),
  roundObjects: integer('round_objects').notNull().default(0),
  /** Entries of the round that could not be read: after such a round nothing is swept. */
  roundInvalid: integer('round_invalid').notNull().default(0),
  /** Read number before which unseen objects are to be swept; null when nothing is to be swept. */
  sweepRead: integer('sweep_read'),
  /** Read number at which the last complete full round began; null before the first. */
  fullRead: integer('full_read'),
  fullObjects: integer('full_objects').notNull().default(0),
  fullCompletedAt: integer('full_completed_at'),
  completedAt: integer('completed_at'),
  /** A full round must have begun at this read number or later. */
  fullWanted: integer('full_wanted').notNull().default(0),
  dueAt: integer('due_at').notNull(),
  attempt: integer().notNull().default(0),
  error: text(),
});

/** The mirror: users and groups as last read, and stubs (`unread`) of objects known only as members. */
export const directoryObject = sqliteTable(
  'directory_object',
  {
    key: integer().primaryKey(),
    id: text().notNull(),
    kind: text({ enum: ['user', 'group', 'other', 'unknown'] }).notNull(),
    state: text({ enum: ['unread', 'present', 'soft-deleted', 'gone'] }).notNull(),
    /** JSON object of the non-null selected properties. */
    properties: text(),
    /** Number of the read that this row comes from: an older read never overwrites a newer one. */
    read: integer().notNull(),
  },
  (t) => [
    uniqueIndex('directory_object_id').on(t.id),
    index('directory_object_group')
      .on(t.key)
      .where(sql`kind = 'group'`),
    index('directory_object_gone')
      .on(t.read)
      .where(sql`state = 'gone'`),
  ],
);

/** Direct memberships. */
export const membership = sqliteTable(
  'membership',
  {
    groupKey: integer('group_key').notNull(),
    memberKey: integer('member_key').notNull(),
    /** 1 where the member is itself a group. */
    nested: integer().notNull(),
    read: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.groupKey, t.memberKey] }),
    index('membership_member').on(t.memberKey, t.groupKey),
    index('membership_nested')
      .on(t.groupKey, t.memberKey)
      .where(sql`nested = 1`),
  ],
);

/** Groups that the mapping names: those that make the scope and those that are published. */
export const relevantGroup = sqliteTable('relevant_group', {
  key: integer().primaryKey(),
  scope: integer().notNull(),
  publish: integer().notNull(),
});

/** The members of `root` are the direct members of every `group` listed for it (itself and those nested in it). */
export const groupReach = sqliteTable(
  'group_reach',
  {
    rootKey: integer('root_key').notNull(),
    groupKey: integer('group_key').notNull(),
  },
  (t) => [primaryKey({ columns: [t.groupKey, t.rootKey] })],
);

/** People whose account must be decided again: durable, so that a crash between mirror and ledger loses nothing. */
export const unsettled = sqliteTable(
  'unsettled',
  {
    key: integer().primaryKey(),
    cause: text().notNull(),
    pingedAt: integer('pinged_at'),
  },
  (t) => [
    index('unsettled_pinged')
      .on(t.key)
      .where(sql`pinged_at is not null`),
  ],
);

/** The ledger: what Gespage should hold for a person, with the revision of the last change. */
export const account = sqliteTable(
  'account',
  {
    /** The person's key in the mirror. */
    key: integer().primaryKey(),
    externalId: text('external_id').notNull(),
    login: text().notNull(),
    loginKey: text('login_key').notNull(),
    displayName: text('display_name'),
    firstName: text('first_name'),
    lastName: text('last_name'),
    email: text(),
    department: text(),
    activity: text(),
    printCode: text('print_code'),
    cardNumber: text('card_number'),
    homeDirectory: text('home_directory'),
    enabled: integer().notNull(),
    /** JSON array of published group ids, sorted. */
    groups: text().notNull(),
    /** 0 once the row is to be gone from the targets. */
    present: integer().notNull(),
    disabledAt: integer('disabled_at'),
    revision: integer().notNull(),
    pingedAt: integer('pinged_at'),
  },
  (t) => [
    uniqueIndex('account_login')
      .on(t.loginKey)
      .where(sql`present = 1`),
    uniqueIndex('account_revision').on(t.revision),
    index('account_enabled')
      .on(t.key)
      .where(sql`present = 1 and enabled = 1`),
    index('account_disabled')
      .on(t.disabledAt)
      .where(sql`present = 1 and disabled_at is not null`),
  ],
);

/** The ledger's published groups. */
export const publishedGroup = sqliteTable(
  'published_group',
  {
    key: integer().primaryKey(),
    externalId: text('external_id').notNull(),
    name: text().notNull(),
    present: integer().notNull(),
    revision: integer().notNull(),
  },
  (t) => [uniqueIndex('published_group_revision').on(t.revision)],
);

/** Removals on their way through the guard. */
export const removal = sqliteTable(
  'removal',
  {
    key: integer().primaryKey(),
    state: text({ enum: ['proposed', 'approved', 'held', 'kept'] }).notNull(),
    how: text({ enum: ['disable', 'delete'] }).notNull(),
    reason: text().notNull(),
    cause: text().notNull(),
    holdId: integer('hold_id'),
    proposedAt: integer('proposed_at').notNull(),
  },
  (t) => [index('removal_state').on(t.state), index('removal_hold').on(t.holdId)],
);

/** One mass removal that waits for an operator, or the record of one. */
export const hold = sqliteTable(
  'hold',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    status: text({ enum: ['open', 'approved', 'discarded', 'superseded', 'emptied'] }).notNull(),
    createdAt: integer('created_at').notNull(),
    decidedAt: integer('decided_at'),
    decidedBy: text('decided_by'),
    supersededBy: integer('superseded_by'),
    people: integer().notNull(),
    limit: integer('removal_limit').notNull(),
    removedInWindow: integer('removed_in_window').notNull(),
    enabledAccounts: integer('enabled_accounts').notNull(),
    cause: text().notNull(),
  },
  (t) => [
    index('hold_closed')
      .on(t.decidedAt)
      .where(sql`status <> 'open'`),
  ],
);

/** Why a person in the tenant has no account, or an account without the wanted login. */
export const personIssue = sqliteTable(
  'person_issue',
  {
    key: integer().primaryKey(),
    kind: text({ enum: ['login-collision', 'no-login', 'failed'] }).notNull(),
    detail: text().notNull(),
    loginKey: text('login_key'),
    since: integer().notNull(),
  },
  (t) => [index('person_issue_login').on(t.loginKey)],
);

/** Each change to an account: when, why, what. Also the memory of the guard's sliding hour. */
export const audit = sqliteTable(
  'audit',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    at: integer().notNull(),
    key: integer().notNull(),
    action: text({ enum: ['adopt', 'create', 'update', 'restore', 'disable', 'delete', 'expire'] }).notNull(),
    cause: text().notNull(),
    reason: text(),
    /** JSON: { field: [before, after] }; null for a creation, whose values are the account's own. */
    changes: text(),
  },
  (t) => [
    index('audit_key').on(t.key),
    index('audit_removal')
      .on(t.at, t.key)
      .where(sql`action in ('disable', 'delete')`),
    index('audit_expiry')
      .on(t.at)
      .where(sql`action = 'expire'`),
    index('audit_resync')
      .on(t.cause, t.action)
      .where(sql`cause >= 'resync ' and cause < 'resync!'`),
  ],
);

/** Operator's requests and their outcome. */
export const run = sqliteTable(
  'run',
  {
    id: text().primaryKey(),
    kind: text({ enum: ['resync', 'renew'] }).notNull(),
    dryRun: integer('dry_run').notNull().default(0),
    /** Object id of the one person to resync, or null for everybody. */
    person: text(),
    status: text({ enum: ['queued', 'running', 'succeeded', 'failed', 'held'] }).notNull(),
    requestedBy: text('requested_by').notNull(),
    requestedAt: integer('requested_at').notNull(),
    startedAt: integer('started_at'),
    finishedAt: integer('finished_at'),
    /** Read number at which it began: streams whose last full round began later have served it. */
    sinceRead: integer('since_read'),
    phase: text(),
    /** JSON: counts of what was read and changed. */
    counts: text(),
    /** JSON: the plan of a dry run (counts and the first people). */
    plan: text(),
    error: text(),
  },
  (t) => [
    index('run_requested').on(t.requestedAt),
    index('run_unfinished')
      .on(t.requestedAt)
      .where(sql`status in ('queued', 'running')`),
    index('run_plan')
      .on(t.requestedAt)
      .where(sql`plan is not null`),
  ],
);

/** What was last seen of each target. */
export const targetState = sqliteTable('target_state', {
  name: text().primaryKey(),
  revision: integer().notNull().default(0),
  appliedAt: integer('applied_at'),
  failingSince: integer('failing_since'),
  error: text(),
  /** Read number of the full rounds after which every row was last compared with the ledger; null: never. */
  comparedRead: integer('compared_read'),
  comparedAt: integer('compared_at'),
  /** Rows that the last comparison found other than the ledger says, and put right. */
  repaired: integer().notNull().default(0),
});

/** People whom a target could not take. */
export const refusal = sqliteTable(
  'refusal',
  {
    target: text().notNull(),
    key: integer().notNull(),
    reason: text().notNull(),
    at: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.target, t.key] }), index('refusal_key').on(t.key)],
);
