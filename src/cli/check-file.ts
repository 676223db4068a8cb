// Owns the check of the file target: whether the file can be written where it is to be.
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { failed, type Finding, note, ok } from './finding.ts';

/** Looks only; the file itself is written by the service alone. */
export async function checkFile(path: string): Promise<Finding> {
  const folder = dirname(path);
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined)
    return note(
      'target',
      `file: the folder ${folder} is not there yet; the service makes it when it starts.`,
    );
  const advice = 'Set GESPAGE_FILE_PATH to a file in a folder that the service may write to.';
  if (!found.isDirectory()) return failed('target', `file: ${folder} is not a folder.`, advice);
  const old = await stat(path).catch(() => undefined);
  if (old?.isDirectory()) return failed('target', `file: ${path} is a folder.`, advice);
  try {
    // The file is replaced, so the right to write in its folder is what counts.
    await access(folder, constants.W_OK | constants.X_OK);
  } catch {
    return failed('target', `file: this user may not write in the folder ${folder}.`, advice);
  }
  const state = old ? `was last written at ${old.mtime.toISOString()}` : 'is not there yet';
  return ok('target', `file: ${path} can be written; it ${state}.`);
}
