// Owns the connections of readers: each holds one revision for as long as somebody reads it, and there are never many.
import type Database from 'better-sqlite3';
import type { Snapshot } from '../directory.ts';
import type { Base } from './names.ts';
import { createReader } from './snapshot.ts';
import { openToRead } from './tables.ts';
import { DirectoryUnavailable } from './unavailable.ts';

/** A connection within a read transaction; all snapshots of one revision share it. */
interface Pin {
  readonly connection: Database.Database;
  readonly reader: Omit<Snapshot, 'close'>;
  users: number;
}

export interface Pins {
  /** @throws DirectoryUnavailable when too many revisions are held already. */
  open(): Snapshot;
  /** From now on `open` gives the revision that was committed last. What nobody reads is let go. */
  advance(): void;
  /** Ends every search that is under way, wherever it stands. */
  endAll(): void;
  close(): void;
}

/** Searches by pages hold revisions; the server ends those that rest too long. */
const mostRevisions = 32;
const mostSpare = 4;

export function createPins(file: string, base: Base): Pins {
  const spare: Database.Database[] = [];
  const held = new Set<Pin>();
  let current: Pin | undefined;

  function pin(): Pin {
    if (held.size >= mostRevisions) {
      throw new DirectoryUnavailable(
        'Too many paged searches are open at once, each on a state of its own. Try again when some of them have ended.',
      );
    }
    const connection = spare.pop() ?? openToRead(file);
    connection.exec('BEGIN');
    // The transaction begins with the first look.
    connection.prepare('SELECT 1 FROM state').get();
    const made = { connection, reader: createReader(connection, base), users: 0 };
    held.add(made);
    return made;
  }

  function letGo(one: Pin): void {
    held.delete(one);
    if (!one.connection.open) return;
    one.connection.exec('COMMIT');
    if (spare.length < mostSpare) spare.push(one.connection);
    else one.connection.close();
  }

  return {
    open() {
      const used = (current ??= pin());
      used.users += 1;
      let isOpen = true;
      const requireOpen = (): void => {
        if (!isOpen || !used.connection.open) throw new DirectoryUnavailable('This search has ended.');
      };
      return {
        resolve(dn) {
          requireOpen();
          return used.reader.resolve(dn);
        },
        search(query) {
          requireOpen();
          return used.reader.search(query);
        },
        close() {
          if (!isOpen) return;
          isOpen = false;
          used.users -= 1;
          if (used.users === 0 && used !== current) letGo(used);
        },
      };
    },
    advance() {
      const old = current;
      current = undefined;
      if (old && old.users === 0) letGo(old);
    },
    endAll() {
      current = undefined;
      for (const { connection } of held) connection.close();
      held.clear();
    },
    close() {
      current = undefined;
      for (const { connection } of held) connection.close();
      for (const connection of spare) connection.close();
      held.clear();
      spare.length = 0;
    },
  };
}
