// Owns recognising an object that Graph names but does not show.
import type { DeltaObject } from './delta-object.ts';

/**
 * Whether Graph gave no more than identity: an application that may not read an object gets it with everything null
 * and a status of 200. Such an answer says nothing and must not overwrite what is known.
 * True as well for a user whose UPN is null, which no readable user has.
 * @see https://learn.microsoft.com/graph/permissions-overview#limited-information-returned-for-inaccessible-member-objects
 */
export function isUnreadable(object: DeltaObject): boolean {
  if (object.removed !== undefined || object.members !== undefined) return false;
  if (object.properties['userPrincipalName'] === null) return true;
  return Object.values(object.properties).every(
    (value) => value === null || value === undefined || (Array.isArray(value) && value.length === 0),
  );
}
