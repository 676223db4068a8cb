// Owns what a delta request may ask: permission, `$select`, `$filter`, and the options it refuses.
import { badRequest, errorAnswer } from './answers.ts';
import type { Answer } from './answers.ts';
import type { Stream } from './delta-token.ts';
import { isKnownProperty, outsideTheStore } from './properties.ts';
import type { Kind } from './properties.ts';

/** Whether the token's roles allow reading the stream. */
export function mayReadStream(stream: Stream, roles: ReadonlySet<string>): boolean {
  if (roles.has('Directory.Read.All')) return true;
  if (stream === 'users') return roles.has('User.Read.All');
  return roles.has('GroupMember.Read.All') || roles.has('Group.Read.All');
}

/** The tracked names, null without `$select`, or the answer that refuses them. */
export function readTracked(stream: Stream, query: Map<string, string>): readonly string[] | null | Answer {
  const kind: Kind = stream === 'users' ? 'user' : 'group';
  const text = query.get('$select');
  if (text === undefined) return null;
  const names = [...new Set(text.split(',').map((name) => name.trim()))].filter((name) => name !== '');
  for (const name of names) {
    if (outsideTheStore.has(name)) {
      return errorAnswer(501, 'NotImplemented', `The property '${name}' cannot be read from a collection.`);
    }
    if (!isKnownProperty(kind, name)) {
      return badRequest(`Could not find a property named '${name}' on type 'microsoft.graph.${kind}'.`);
    }
  }
  return names.length > 0 ? names : null;
}

/** The ids of `$filter`, null without one, or the answer that refuses it. */
export function readIds(text: string | undefined): readonly string[] | null | Answer {
  if (text === undefined) return null;
  const ids: string[] = [];
  for (const term of text.split(/\s+or\s+/i)) {
    const id = /^\s*id\s+eq\s+'([^']+)'\s*$/i.exec(term)?.[1];
    if (!id)
      return errorAnswer(400, 'Request_UnsupportedQuery', "Delta filters only by id eq '…' or id eq '…'.");
    ids.push(id);
  }
  if (ids.length > 50)
    return errorAnswer(400, 'Request_UnsupportedQuery', 'Delta filters by at most 50 ids.');
  return ids;
}

const allowed = new Set(['$select', '$filter', '$deltatoken', '$skiptoken']);

/** The answer that refuses an option which delta does not support, if there is one. */
export function refuseOptions(query: ReadonlyMap<string, string>): Answer | undefined {
  const option = [...query.keys()].find((name) => name.startsWith('$') && !allowed.has(name));
  if (option === undefined) return undefined;
  return errorAnswer(400, 'Request_UnsupportedQuery', `Query option '${option}' is not supported by delta.`);
}
