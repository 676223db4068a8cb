// Owns the place of the database from which the file is made.

/** Beside the state database, and as replaceable as a target: if it is lost, it is filled anew. */
export function fileStagingPath(statePath: string): string {
  return `${statePath.replace(/\.db$/, '')}-file.db`;
}
