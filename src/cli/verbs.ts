// Owns the list of verbs: what each takes, what it says of itself, and where its work is. Loading it loads no work.
import type { Io, Outcome, Words } from './io.ts';

export interface Verb {
  readonly name: string;
  readonly takes: string;
  readonly does: string;
  /** Least and most words behind the verb. */
  readonly words: readonly [least: number, most: number];
  readonly options: readonly ('dry-run' | 'user' | 'by')[];
  /** Undefined for `serve`, which ends the process itself. */
  readonly run: (words: Words, io: Io) => Promise<Outcome | undefined>;
}

/** In the order of the help. */
export const verbs: readonly Verb[] = [
  {
    name: 'serve',
    takes: '',
    does: 'the service',
    words: [0, 0],
    options: [],
    run: async () => {
      await (await import('../serve.ts')).serve();
      return undefined;
    },
  },
  {
    name: 'check',
    takes: '',
    does: 'tests every part of the set-up and says what to click or set for each failure',
    words: [0, 0],
    options: [],
    run: async (_, io) => (await import('./check.ts')).check(io),
  },
  {
    name: 'renew',
    takes: '',
    does: 'creates, adopts or renews the subscriptions that are due, once',
    words: [0, 0],
    options: [],
    run: async (_, io) => (await import('./renew.ts')).renew(io),
  },
  {
    name: 'resync',
    takes: '[--dry-run] [--user ID]',
    does: 'a full resync, or of one person; with --dry-run prints the plan and changes nothing',
    words: [0, 0],
    options: ['dry-run', 'user'],
    run: async (words, io) => (await import('./resync.ts')).resync(words, io),
  },
  {
    name: 'status',
    takes: '',
    does: 'how things are',
    words: [0, 0],
    options: [],
    run: async (_, io) => (await import('./look.ts')).showStatus(io),
  },
  {
    name: 'subscriptions',
    takes: '',
    does: 'the subscriptions at Microsoft Graph',
    words: [0, 0],
    options: [],
    run: async (_, io) => (await import('./look.ts')).showSubscriptions(io),
  },
  {
    name: 'holds',
    takes: '',
    does: 'held removals',
    words: [0, 0],
    options: [],
    run: async (_, io) => (await import('./holds.ts')).showHolds(io),
  },
  {
    name: 'hold',
    takes: 'ID [approve|discard]',
    does: 'one hold with its people, or the decision on it',
    words: [1, 2],
    options: [],
    run: async ({ words }, io) => (await import('./holds.ts')).hold(words, io),
  },
  {
    name: 'explain',
    takes: 'LOGIN|UPN|ID',
    does: 'why a person is, or is not, an account',
    words: [1, 1],
    options: [],
    run: async ({ words }, io) => (await import('./look.ts')).explainPerson(words[0] ?? '', io),
  },
  {
    name: 'adopt',
    takes: '[--dry-run] [--by COLUMN]',
    does: 'takes over accounts that a SQL table already holds; with --dry-run shows whom, and what would change',
    words: [0, 0],
    options: ['dry-run', 'by'],
    run: async (words, io) => (await import('./adopt.ts')).adopt(words, io),
  },
  {
    name: 'migrate',
    takes: '',
    does: 'brings the state database to the present schema',
    words: [0, 0],
    options: [],
    run: async (_, io) => (await import('./upkeep.ts')).migrate(io),
  },
  {
    name: 'backup',
    takes: 'FILE',
    does: 'writes a consistent copy of the state database, while the service runs too',
    words: [1, 1],
    options: [],
    run: async ({ words }, io) => (await import('./upkeep.ts')).backup(words[0] ?? '', io),
  },
];
