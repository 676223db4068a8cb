// Owns the tenant's truth: every object with its history, the log of changes, and the views of lagging replicas.
import { createGenerated, readGenerated } from './generated.ts';
import type { Generated } from './generated.ts';
import { createMembers, kindOfRef, indexOfRef, refOf, seedMembers } from './members.ts';
import type { Members, Ref } from './members.ts';
import type { Kind, Props } from './properties.ts';
import { guidOf, indexOfGuid, mix32 } from './random.ts';

export type Status = 'active' | 'deleted' | 'purged';

/** One state of an object; `props` null means the generated ones. */
export type Version = { seq: number; status: Status; props: Props | null; deletedAt: number };

export type Operation = 'created' | 'updated' | 'deleted' | 'restored' | 'purged' | 'members';

/** One change of the directory. `seq` is its place in the order of all changes; `at` the emulator's clock, ms. */
export type LogEntry = {
  seq: number;
  at: number;
  kind: Kind;
  index: number;
  operation: Operation;
  props: readonly string[];
  members: readonly { ref: Ref; added: boolean }[];
};

export type View = 'delta' | 'get';

export type Table = {
  kind: Kind;
  seeded: number;
  count: number;
  versions: Map<number, Version[]>;
  customIds: Map<number, string>;
  byCustomId: Map<string, number>;
  key: number;
};

export type Directory = {
  readonly log: readonly LogEntry[];
  readonly members: Members;
  readonly generated: Generated;
  table(kind: Kind): Table;
  idOf(kind: Kind, index: number): string;
  /** Finds an object by id, of any status, in any kind or the given ones. */
  find(id: string, kinds?: readonly Kind[]): { kind: Kind; index: number } | undefined;
  /** The object's state after change `asOf`; undefined where it did not exist yet. */
  stateAt(kind: Kind, index: number, asOf: number): Version | undefined;
  propsOf(kind: Kind, index: number, version: Version): Props;
  /** The last change that this view already shows. */
  visible(view: View): number;
  /** Adds a new object and returns its index. */
  add(kind: Kind, props: Props, id?: string): number;
  /** Appends a change to the log without touching any object. */
  append(kind: Kind, index: number, operation: Operation, extra?: Partial<LogEntry>): LogEntry;
  /** Gives the object a new state under the log entry. */
  setVersion(entry: LogEntry, status: Status, props: Props | null): void;
};

export type DirectoryOptions = {
  seed: number;
  domain: string;
  users: number;
  groups: number;
  memberships: number;
  devices: number;
  now: () => number;
  /** The last visible change of a view, given the newest one; replicas lag through this. */
  limit: (view: View, newest: number, log: readonly LogEntry[]) => number;
};

export const allKinds: readonly Kind[] = ['user', 'group', 'device', 'servicePrincipal'];

const seededVersion: Version = { seq: 0, status: 'active', props: null, deletedAt: 0 };

function createTable(kind: Kind, seeded: number, key: number): Table {
  return {
    kind,
    seeded,
    count: seeded,
    versions: new Map(),
    customIds: new Map(),
    byCustomId: new Map(),
    key,
  };
}

/** Makes the directory with its seeded population. */
export function createDirectory(options: DirectoryOptions): Directory {
  const tables: Record<Kind, Table> = {
    user: createTable('user', options.users, mix32(options.seed + 1)),
    group: createTable('group', options.groups, mix32(options.seed + 2)),
    device: createTable('device', options.devices, mix32(options.seed + 3)),
    servicePrincipal: createTable('servicePrincipal', 0, mix32(options.seed + 4)),
  };
  const generated = createGenerated(options.seed, options.domain, tables.user.key);
  const members = createMembers();
  seedMembers(members, options);
  const origin: LogEntry = {
    seq: 0,
    at: Number.NEGATIVE_INFINITY,
    kind: 'user',
    index: -1,
    operation: 'created',
    props: [],
    members: [],
  };
  const log: LogEntry[] = [origin];

  const idOf = (kind: Kind, index: number): string =>
    tables[kind].customIds.get(index) ?? guidOf(index, tables[kind].key);

  const append: Directory['append'] = (kind, index, operation, extra = {}) => {
    const entry: LogEntry = {
      kind,
      index,
      operation,
      props: [],
      members: [],
      ...extra,
      seq: log.length,
      at: options.now(),
    };
    log.push(entry);
    return entry;
  };

  const setVersion: Directory['setVersion'] = (entry, status, props) => {
    const version: Version = {
      seq: entry.seq,
      status,
      props,
      deletedAt: status === 'active' ? 0 : entry.at,
    };
    const { versions } = tables[entry.kind];
    const own = versions.get(entry.index);
    if (own) own.push(version);
    else versions.set(entry.index, [version]);
  };

  return {
    log,
    members,
    generated,
    table: (kind) => tables[kind],
    idOf,
    append,
    setVersion,
    visible: (view) => options.limit(view, log.length - 1, log),
    find: (id, kinds = allKinds) => {
      const wanted = id.toLowerCase();
      for (const kind of kinds) {
        const table = tables[kind];
        const custom = table.byCustomId.get(wanted);
        if (custom !== undefined) return { kind, index: custom };
        const index = indexOfGuid(wanted, table.key);
        if (index < table.count && idOf(kind, index) === wanted) return { kind, index };
      }
      return undefined;
    },
    stateAt: (kind, index, asOf) => {
      const table = tables[kind];
      const own = table.versions.get(index);
      if (own) {
        for (let i = own.length - 1; i >= 0; i--) {
          const version = own[i] as Version;
          if (version.seq <= asOf) return version;
        }
      }
      return index < table.seeded ? seededVersion : undefined;
    },
    propsOf: (kind, index, version) => {
      if (version.props) return version.props;
      if (kind === 'user') return readGenerated(generated.userFields, index);
      if (kind === 'group') return readGenerated(generated.groupFields, index);
      return { displayName: `${kind} ${index}`, accountEnabled: true };
    },
    add: (kind, props, id) => {
      const table = tables[kind];
      const index = table.count;
      table.count += 1;
      if (id !== undefined) {
        table.customIds.set(index, id.toLowerCase());
        table.byCustomId.set(id.toLowerCase(), index);
      }
      const entry = append(kind, index, 'created', { props: Object.keys(props) });
      setVersion(entry, 'active', props);
      return index;
    },
  };
}

export { indexOfRef, kindOfRef, refOf };
