// Owns the file target: batches go to a staging database, and the file is made anew from it, whole, when all is quiet.
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { columnsOf, type FileFormat } from '../../accounts/file-format.ts';
import { type FieldName, fieldNames } from '../../accounts/model.ts';
import type { Log } from '../../ops/log.ts';
import type { Target } from '../target.ts';
import { publishInThread } from './publish-in-thread.ts';
import { type FileKind, type Published, type PublishOrder } from './publish.ts';
import type { Lost } from './rows.ts';

export interface FileTargetOptions {
  /** Where the file is to be. */
  readonly path: string;
  readonly kind: FileKind;
  /** A SQL target of this program's own, in SQLite: it keeps the rows and the position. */
  readonly staging: Target;
  /** Path of its database. */
  readonly stagingPath: string;
  readonly format: FileFormat;
  /** The fields that this product writes. */
  readonly fields: readonly FieldName[];
  readonly now: () => number;
  readonly log: Log;
  /** How the file is made; in a thread of its own unless told. */
  readonly publish?: (order: PublishOrder) => Promise<Published>;
}

/** So long nothing may have changed before the file is made; a single change is in the file in little more. */
export const quietMs = 2_000;
/** So long a change waits at most while others go on arriving. */
export const longestWaitMs = 30_000;

/**
 * A target that keeps a CSV or XLSX file. Nothing is written before the staging database holds everything that the
 * tenant is known to hold; until then a file that is there stays as it is.
 */
export function createFileTarget(options: FileTargetOptions): Target {
  const { path, staging, now, log, publish = publishInThread } = options;
  const owned = fieldNames.filter((name) => !options.fields.includes(name));
  const order: PublishOrder = {
    staging: options.stagingPath,
    path,
    kind: options.kind,
    format: options.format,
    columns: columnsOf(options.format, owned),
  };
  /** Whether the staging database holds all, and no part of something that is under way. */
  let isCurrent = false;
  /** When the first and the last change came that the file may lack; undefined where it lacks none. */
  let waiting: { readonly since: number; readonly last: number } | undefined;

  async function makeFile(): Promise<void> {
    const began = now();
    const published = await publish(order);
    const { written, people, bytes, losses } = published;
    if (!written) return;
    log.info('The file was written', { file: path, people, bytes, tookMs: now() - began });
    report('Some characters cannot be expressed in windows-1252; ? stands in their place', losses.replaced);
    report('Logins that windows-1252 cannot express are left out of the file', losses.leftOut);
    report('Some people have more groups than a cell takes; the last ones are left out', losses.shortened);
  }

  function report(what: string, { count, first }: Lost): void {
    if (count === 0) return;
    const advice = 'Set "file": {"encoding": "utf-8"} in the mapping file, if the reader can take it.';
    log.warn(what, { file: path, people: count, first, ...(what.includes('windows') && { advice }) });
  }

  return {
    name: 'file',
    async open() {
      await mkdir(dirname(path), { recursive: true });
      await staging.open();
    },
    position: () => staging.position(),
    async apply(batch) {
      const applied = await staging.apply(batch);
      // Whether the file is as it should be is looked at again whenever everything is there, changes or not.
      const isNews = applied.upserted + applied.removed > 0 || batch.isCurrent;
      if (isNews) waiting = { since: waiting?.since ?? now(), last: now() };
      isCurrent = batch.isCurrent;
      return applied;
    },
    async publish() {
      if (waiting === undefined || !isCurrent) return undefined;
      // The clock was set back.
      if (now() < waiting.last) waiting = { since: now(), last: now() };
      const due = Math.min(waiting.last + quietMs, waiting.since + longestWaitMs);
      if (now() < due) return due - now();
      await makeFile();
      waiting = undefined;
      return undefined;
    },
    holdings: (after, limit) => staging.holdings(after, limit),
    close: () => staging.close(),
  };
}
