// Owns what is said when the directory's file fails: where, what happened, what to do.
import Database from 'better-sqlite3';

const advice: readonly (readonly [pattern: RegExp, text: string])[] = [
  [
    /^SQLITE_(CORRUPT|NOTADB|FORMAT)/,
    'It is damaged. Stop the service and delete it, with the -wal and -shm beside it; it is filled anew, and served once it is complete.',
  ],
  [/^SQLITE_(FULL|IOERR_SHMSIZE)/, 'The disk is full. Make room; readers see the last good state meanwhile.'],
  [
    /^SQLITE_(READONLY|CANTOPEN|PERM)/,
    'Give the account of this service the right to write the file and its folder, which is that of STATE_PATH.',
  ],
  [/^SQLITE_(BUSY|LOCKED)/, 'Another program keeps it locked: close it.'],
];

/** An error for people in place of the driver's own. */
export function describeStoreFailure(file: string, error: unknown): Error {
  if (!(error instanceof Database.SqliteError))
    return error instanceof Error ? error : new Error(String(error));
  const { code, message } = error;
  const found = advice.find(([pattern]) => pattern.test(code))?.[1] ?? 'Look at the disk of STATE_PATH.';
  return Object.assign(
    new Error(`The file of the LDAP directory ${file} failed: ${message.replace(/\.$/, '')}. ${found}`),
    { code },
  );
}
