// Owns who gets a login that several people want: nobody loses one that he has, and nobody silently wins.
import { loginKey } from './login.ts';

/** What one person wants and has. */
export interface LoginWish {
  readonly externalId: string;
  /** The login that the mapping derives; `null` when it derives none, and the current one is kept. */
  readonly wanted: string | null;
  /** The login of the person's row, enabled or not; `null` when there is no row. */
  readonly current: string | null;
}

/** Somebody who cannot have the login wanted. */
export interface LoginConflict {
  readonly externalId: string;
  readonly wanted: string;
  /** The object id of the person who has the login from now on. */
  readonly heldBy: string;
}

export interface LoginAssignment {
  /**
   * External id -> login, for every wish that is granted. Who is not in it keeps the row's login,
   * or without a row is not created.
   */
  readonly granted: ReadonlyMap<string, string>;
  /** In the order of the wishes. */
  readonly conflicts: readonly LoginConflict[];
}

/**
 * Shares out the logins of one batch. External ids must be unique within it. A login counts as held until
 * its holder has another: exchanges and chains within the batch are granted, whatever their length.
 *
 * When several people want a login that nobody has, the smallest external id of this batch gets it, so that
 * the outcome does not depend on the order of the batch; the others are in conflict. Only people who exchange logins
 * all the way round come before: else all of them, and who came in between, would wait for each other for ever. From
 * then on the one who has it keeps it. When a login becomes free later, plan the people in conflict over it again.
 *
 * @param holderOf external id of the row whose login has this key (see `loginKey`), or undefined; answers
 *   that name a person of the batch are ignored.
 */
export function assignLogins(
  wishes: readonly LoginWish[],
  holderOf: (key: string) => string | undefined,
): LoginAssignment {
  const batch = readBatch(wishes);
  const claims = pickClaims(batch, holderOf);
  const winners = settleClaims(batch, claims);
  const granted = new Map<string, string>();
  const conflicts: LoginConflict[] = [];
  for (const person of batch.people) {
    const { externalId, wanted, key } = person;
    if (wanted === null || key === null) continue;
    const claim = claims.get(key);
    if (claim === undefined || (claim.person === person && winners.has(person)))
      granted.set(externalId, wanted);
    else
      conflicts.push({
        externalId,
        wanted,
        heldBy: findHolder(key, claim, batch, winners),
      });
  }
  return { granted, conflicts };
}

interface Person extends LoginWish {
  readonly key: string | null;
  readonly currentKey: string | null;
}

interface Batch {
  readonly people: readonly Person[];
  /** Who of the batch has a login now, by its key. */
  readonly holders: ReadonlyMap<string, Person>;
  /** Those who can exchange logins all the way round, when nobody comes in between. */
  readonly circles: ReadonlySet<Person>;
}

/** Who may hope for a login: one person of the batch, unless somebody outside has it. */
type Claim =
  { readonly person: Person; readonly outside: null } | { readonly person: null; readonly outside: string };

function readBatch(wishes: readonly LoginWish[]): Batch {
  const people = wishes.map((wish) => {
    const currentKey = wish.current === null ? null : loginKey(wish.current);
    const key =
      wish.wanted === null ? null : wish.wanted === wish.current ? currentKey : loginKey(wish.wanted);
    return {
      externalId: wish.externalId,
      wanted: wish.wanted,
      current: wish.current,
      key,
      currentKey,
    };
  });
  const holders = new Map<string, Person>();
  for (const person of people) {
    if (person.currentKey !== null) holders.set(person.currentKey, person);
  }
  return { people, holders, circles: findCircles(people, holders) };
}

/** Follows each person to whoever has the wanted login, and so on; who is met again closes a circle. */
function findCircles(people: readonly Person[], holders: ReadonlyMap<string, Person>): ReadonlySet<Person> {
  const circles = new Set<Person>();
  const seen = new Set<Person>();
  for (const start of people) {
    const walk: Person[] = [];
    let next: Person | undefined = start;
    while (next !== undefined && !seen.has(next)) {
      seen.add(next);
      walk.push(next);
      next = next.key === null ? undefined : holders.get(next.key);
    }
    const first = next === undefined ? -1 : walk.indexOf(next);
    if (first >= 0) for (const person of walk.slice(first)) circles.add(person);
  }
  return circles;
}

function pickClaims(batch: Batch, holderOf: (key: string) => string | undefined): ReadonlyMap<string, Claim> {
  const members = new Set(batch.people.map(({ externalId }) => externalId));
  const claims = new Map<string, Claim>();
  for (const person of batch.people) {
    if (person.key === null) continue;
    const known = claims.get(person.key);
    if (known === undefined) claims.set(person.key, openClaim(person, person.key, members, batch, holderOf));
    else if (known.person !== null && isBefore(person, known.person, batch)) {
      claims.set(person.key, { person, outside: null });
    }
  }
  return claims;
}

function openClaim(
  person: Person,
  key: string,
  members: ReadonlySet<string>,
  batch: Batch,
  holderOf: (key: string) => string | undefined,
): Claim {
  const holder = batch.holders.has(key) ? undefined : holderOf(key);
  const outside = holder === undefined || members.has(holder) ? null : holder;
  return outside === null ? { person, outside } : { person: null, outside };
}

/** The one who has the login comes first, then who gets it in an exchange, then the smaller external id. */
function isBefore(person: Person, other: Person, { circles }: Batch): boolean {
  const has = person.currentKey === person.key;
  if (has !== (other.currentKey === other.key)) return has;
  const exchanges = circles.has(person);
  if (exchanges !== circles.has(other)) return exchanges;
  return person.externalId < other.externalId;
}

/**
 * Follows each claim to the login's present holder, to the holder of the login which that one claims, and so
 * on. The chain is granted when it ends at a free login or comes back to its start, else refused as a whole.
 */
function settleClaims(batch: Batch, claims: ReadonlyMap<string, Claim>): ReadonlySet<Person> {
  const winners = new Set<Person>();
  const settled = new Set<Person>();
  for (const { person } of claims.values()) {
    if (person === null || settled.has(person)) continue;
    const chain: Person[] = [];
    let next: Person | null = person;
    // Ends at a free login, at somebody settled (of an earlier chain, or of this one: a circle), or at
    // somebody who will not move.
    while (next !== null && isClaimant(next, claims) && !settled.has(next)) {
      settled.add(next);
      winners.add(next);
      chain.push(next);
      next = findBlocker(next, batch);
    }
    const granted = next === null || winners.has(next);
    if (!granted) for (const refused of chain) winners.delete(refused);
  }
  return winners;
}

/** The person of the batch who has the wanted login now; `null` when it is free. */
function findBlocker(person: Person, batch: Batch): Person | null {
  return person.key === null ? null : (batch.holders.get(person.key) ?? null);
}

function isClaimant(person: Person, claims: ReadonlyMap<string, Claim>): boolean {
  return person.key !== null && claims.get(person.key)?.person === person;
}

/** Who has the login of a refused claim from now on. */
function findHolder(key: string, claim: Claim, batch: Batch, winners: ReadonlySet<Person>): string {
  if (claim.person === null) return claim.outside;
  const holder = winners.has(claim.person) ? claim.person : batch.holders.get(key);
  return (holder ?? claim.person).externalId;
}
