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
  noteCollision(people, since, collision);
  tellCollision(log, collision);
}

/** Records it without a word. */
export function noteCollision(people: People, since: number, collision: Collision): void {
  const detail = collisionDetail(collision);
  const wantedKey = loginKey(collision.wanted);
  people.setIssue(collision.key, { kind: 'login-collision', detail, loginKey: wantedKey, since });
}

export function tellCollision(log: Log, { externalId, wanted, heldBy }: Collision): void {
  log.warn('Two people have one login: who had it keeps it, the other waits', {
    person: externalId,
    login: wanted,
    heldBy,
    advice: 'Give one of them another login in Entra ID; it is then settled by itself.',
  });
}
