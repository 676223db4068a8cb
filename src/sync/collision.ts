// Owns what is recorded and said when two people have one login.
import { loginKey } from '../accounts/login.ts';
import type { Log } from '../ops/log.ts';
import type { People } from '../state/people.ts';

export interface Collision {
  readonly key: number;
  readonly externalId: string;
  readonly wanted: string;
  /** Object id of the one who has the login. */
  readonly heldBy: string;
}

export const collisionDetail = ({ wanted, heldBy }: Pick<Collision, 'wanted' | 'heldBy'>): string =>
  `The login ${wanted} belongs to ${heldBy}.`;

export function recordCollision(people: People, log: Log, since: number, collision: Collision): void {
  const { key, externalId, wanted, heldBy } = collision;
  const detail = collisionDetail(collision);
  people.setIssue(key, { kind: 'login-collision', detail, loginKey: loginKey(wanted), since });
  log.warn('Two people have one login: who had it keeps it, the other waits', {
    person: externalId,
    login: wanted,
    heldBy,
    advice: 'Give one of them another login in Entra ID; it is then settled by itself.',
  });
}
