// Owns a look into the directory's file from outside, while the service works on it or not.
import { describeStoreFailure } from './describe-failure.ts';
import { kinds, openToRead } from './tables.ts';

/** How much the directory holds; undefined while it was never whole. @throws Error that says what to do. */
export function countEntries(file: string): { readonly people: number; readonly groups: number } | undefined {
  try {
    const database = openToRead(file);
    try {
      if (database.prepare('SELECT complete FROM state').pluck().get() !== 1) return undefined;
      const count = database.prepare('SELECT count(*) FROM entry WHERE kind = ?').pluck();
      return { people: count.get(kinds.person) as number, groups: count.get(kinds.group) as number };
    } finally {
      database.close();
    }
  } catch (error) {
    throw describeStoreFailure(file, error);
  }
}
