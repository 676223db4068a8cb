// Owns where the directory's file lies: beside the state database.
import path from 'node:path';

/** `./data/state.db` gives `data/state-ldap.db`. */
export function ldapFilePath(statePath: string): string {
  const { dir, name } = path.parse(statePath);
  return path.join(dir, `${name}-ldap.db`);
}
