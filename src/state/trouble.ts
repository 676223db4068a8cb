// Owns what is said where the state database itself fails: what happened, what it means, what to do.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';

/** `damaged` and `replaced` last until the next start; the others may pass by themselves. */
export type TroubleKind = 'full' | 'read-only' | 'locked' | 'unreachable' | 'damaged' | 'replaced';

export interface Trouble {
  readonly kind: TroubleKind;
  /** The database file that is meant; copies of the state database have troubles of their own. */
  readonly file: string;
  /** SQLite's own word, where there is one. */
  readonly code?: string | undefined;
}

/** The state database cannot be used; the message says why and what to do. */
export class StateError extends Error {
  override readonly name = 'StateError';
  readonly kind: TroubleKind | undefined;
  readonly file: string | undefined;
  readonly code: string | undefined;

  constructor(message: string, trouble?: Trouble) {
    super(message);
    this.kind = trouble?.kind;
    this.file = trouble?.file;
    this.code = trouble?.code;
    // The message is for operators, and the place in the program tells them nothing.
    delete this.stack;
  }
}

/** Whether the error comes from the file itself (and not from a copy of it), so that trying again may help. */
export function isTroubleOf(file: string, error: unknown): error is StateError {
  return error instanceof StateError && error.file === file;
}

const kindOfCode: readonly (readonly [code: RegExp, kind: TroubleKind])[] = [
  [/^(SQLITE_FULL|SQLITE_IOERR_SHMSIZE|ENOSPC|EDQUOT)$/, 'full'],
  [/^(SQLITE_READONLY.*|EACCES|EPERM|EROFS)$/, 'read-only'],
  [/^(SQLITE_BUSY.*|SQLITE_LOCKED.*|SQLITE_PROTOCOL)$/, 'locked'],
  [/^(SQLITE_CORRUPT.*|SQLITE_NOTADB|SQLITE_FORMAT|SQLITE_IOERR_CORRUPTFS)$/, 'damaged'],
  [/^(SQLITE_IOERR.*|SQLITE_CANTOPEN.*|SQLITE_PERM|SQLITE_NOLFS)$/, 'unreachable'],
];

/** What kind of trouble with the file an error tells of; undefined where it is about something else. */
export function troubleKindOf(error: unknown): TroubleKind | undefined {
  if (error instanceof StateError) return error.kind;
  return error instanceof Database.SqliteError ? kindOf(error.code) : undefined;
}

export function isOfSqlite(error: unknown): boolean {
  return error instanceof Database.SqliteError;
}

const kindOf = (code: string): TroubleKind | undefined =>
  kindOfCode.find(([pattern]) => pattern.test(code))?.[1];

/** The error in words, where the file was being opened; whatever it was, the file is of no use. */
export function describeOpening(file: string, error: unknown): StateError {
  if (error instanceof StateError) return error;
  const code = codeOf(error);
  const found = kindOf(code ?? '') ?? 'unreachable';
  const kind = found === 'unreachable' && isReadOnly(file) ? 'read-only' : found;
  return new StateError(
    `The state database ${file} cannot be opened: ${messageOf(error)}. ${whenOpening[kind](file)}`,
    { kind, file, code },
  );
}

/** SQLite says only that it cannot open the file, where it may not make the files that belong beside it. */
function isReadOnly(file: string): boolean {
  return [path.dirname(path.resolve(file)), file].some((place) => {
    try {
      accessSync(place, constants.W_OK);
      return false;
    } catch (error) {
      return kindOf(codeOf(error) ?? '') === 'read-only';
    }
  });
}

/** The error in words, where the file was open. */
export function describeWorking(file: string, kind: TroubleKind, error: unknown): StateError {
  const { what, then } = whenWorking[kind];
  return new StateError(`The state database ${file} ${what}: ${messageOf(error)}. ${then(file)}`, {
    kind,
    file,
    code: codeOf(error),
  });
}

/** How to come back from a file that is of no use any more. */
export function wayBack(file: string): string {
  return (
    `Stop the service and move ${file}, with the -wal and -shm beside it, aside. Put a backup in its place, or nothing: a ` +
    'new one is filled from the tenant and from the tables of Gespage. Then start again.'
  );
}

const rights =
  'The file, its folder or the disk is read-only for the account that this runs under. Nothing was changed. Give that ' +
  'account the right to write the file and its folder (STATE_PATH)';
const otherProgram =
  'Another program keeps it locked: an SQLite browser, a copy or backup program, a virus scanner. Nothing was changed. ' +
  'Close that program';

const whenOpening: Readonly<Record<TroubleKind, (file: string) => string>> = {
  full: () => 'The disk is full. Nothing that was stored is lost. Make room, then start again.',
  'read-only': () => `${rights}, then start again.`,
  locked: () => `${otherProgram}, then start again.`,
  unreachable: () =>
    'Check that the folder exists and that this account may write there (STATE_PATH), and look at the disk.',
  damaged: (file) =>
    `It is damaged, or something else was written over it. Nobody is disabled or deleted for it. ${wayBack(file)}`,
  replaced: (file) => wayBack(file),
};

const whenWorking: Readonly<
  Record<TroubleKind, { readonly what: string; readonly then: (file: string) => string }>
> = {
  full: {
    what: 'cannot be written',
    then: () =>
      'The disk is full. What was stored is safe; what was to be stored now was not, and Microsoft sends notifications ' +
      'again. Make room: a running service then goes on by itself, a command must be given again.',
  },
  'read-only': {
    what: 'cannot be written',
    then: () => `${rights}; a running service then goes on by itself.`,
  },
  locked: {
    what: 'cannot be used',
    then: () => `${otherProgram}; a running service then goes on by itself.`,
  },
  unreachable: {
    what: 'cannot be read or written',
    then: () =>
      'What was stored is safe as far as the disk is. Look at the disk of STATE_PATH: space, rights, errors in the log ' +
      'of the system. A running service goes on by itself once it works.',
  },
  damaged: {
    what: 'is damaged',
    then: (file) =>
      'Nothing is written any more, nobody is disabled or deleted, and notifications are refused, so that Microsoft ' +
      `sends them again. ${wayBack(file)}`,
  },
  replaced: {
    what: 'is not the file any more that was opened',
    then: () =>
      'Whatever this process wrote now would be lost, so it writes nothing more. If the file was replaced on purpose, ' +
      'restart the service; if not, put a backup in its place first.',
  },
};

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function messageOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, '');
}
