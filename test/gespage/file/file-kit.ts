// Owns a file target with a folder, a clock and a staging database of one test's own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { fileSection } from '../../../src/accounts/file-format.ts';
import type { FieldName } from '../../../src/accounts/model.ts';
import { createFileTarget, longestWaitMs } from '../../../src/gespage/file/create-file-target.ts';
import { kindOf, publishFile, type PublishOrder, type Published } from '../../../src/gespage/file/publish.ts';
import { fileStagingPath } from '../../../src/gespage/file/staging.ts';
import { createSqlTarget } from '../../../src/gespage/sql/create-sql-target.ts';
import type { ChangeBatch, Target } from '../../../src/gespage/target.ts';
import { createMemoryLog, type MemoryLog } from '../../../src/ops/log.ts';
import { makeBatch } from '../fixtures.ts';

export const fileFields: readonly FieldName[] = [
  'displayName',
  'firstName',
  'lastName',
  'email',
  'cardNumber',
];

export interface FileKitOptions {
  readonly folder?: string;
  readonly name?: string;
  readonly format?: object;
  readonly publish?: (order: PublishOrder) => Promise<Published>;
}

export interface FileKit {
  readonly target: Target;
  readonly folder: string;
  readonly path: string;
  readonly log: MemoryLog;
  readonly clock: { now: number };
  /** Applies a batch that makes the target current, unless told otherwise. */
  apply(parts: Partial<ChangeBatch>): ReturnType<Target['apply']>;
  /** Lets the longest wait go by, and asks for the file. */
  publish(): Promise<number | undefined>;
}

export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gespage-file-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The same folder given twice is a restart. */
export function makeFileKit(options: FileKitOptions = {}): FileKit {
  const { folder = makeFolder(), name = 'accounts.csv', format = {}, publish = publishFile } = options;
  const path = join(folder, name);
  const stagingPath = fileStagingPath(join(folder, 'state.db'));
  const log = createMemoryLog();
  const clock = { now: 1_000_000 };
  const target = createFileTarget({
    path,
    kind: kindOf(name) ?? 'csv',
    staging: createSqlTarget({ url: `sqlite:${stagingPath}`, fields: fileFields }),
    stagingPath,
    format: fileSection.parse(format),
    fields: fileFields,
    now: () => clock.now,
    log,
    publish,
  });
  onTestFinished(() => target.close());
  return {
    target,
    folder,
    path,
    log,
    clock,
    apply: (parts) => target.apply(makeBatch({ isCurrent: true, ...parts })),
    publish: async () => {
      clock.now += longestWaitMs;
      return target.publish?.();
    },
  };
}
