// Owns what ordinary reads share: `$select` rules, `$top`, next links, and who may read which kind in full.
import { badRequest, errorAnswer, parseQuery, textAnswer } from './answers.ts';
import type { Answer, GraphRequest } from './answers.ts';
import type { Directory } from './directory.ts';
import { defaultProperties, isKnownProperty, outsideTheStore, relations } from './properties.ts';
import type { Kind } from './properties.ts';
import { compileWriter } from './serialise.ts';
import type { Writer } from './serialise.ts';

export type ReadContext = {
  directory: Directory;
  graphBaseUrl: () => string;
  /** The last change that the replica serving this read has seen. */
  visible: () => number;
  /** Writers of ordinary reads, which give null for what was never set. */
  writer: (kind: Kind, names: readonly string[]) => Writer;
};

export const plurals: Record<Kind, string> = {
  user: 'users',
  group: 'groups',
  device: 'devices',
  servicePrincipal: 'servicePrincipals',
};

/** Makes what the read routes need; writers are compiled once for each `$select`. */
export function createReadContext(
  directory: Directory,
  graphBaseUrl: () => string,
  visible: () => number,
): ReadContext {
  const writers = new Map<string, Writer>();
  return {
    directory,
    graphBaseUrl,
    visible,
    writer: (kind, names) => {
      const key = `${kind}:${names.join(',')}`;
      let found = writers.get(key);
      if (!found) {
        found = compileWriter(directory, kind, names, 'null');
        if (writers.size < 500) writers.set(key, found);
      }
      return found;
    },
  };
}

/** Whether the token's roles allow reading objects of this kind in full. */
export function mayReadKind(kind: Kind, roles: ReadonlySet<string>): boolean {
  if (roles.has('Directory.Read.All')) return true;
  switch (kind) {
    case 'user':
      return roles.has('User.Read.All');
    case 'group':
      return roles.has('Group.Read.All') || roles.has('GroupMember.Read.All');
    case 'device':
      return roles.has('Device.Read.All');
    case 'servicePrincipal':
      return roles.has('Application.Read.All');
  }
}

/** The selected names, or the answer that refuses them. */
export function readSelect(kind: Kind, request: GraphRequest): readonly string[] | Answer {
  const text = parseQuery(request.rawQuery).get('$select');
  if (!text) return defaultProperties[kind];
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (outsideTheStore.has(name)) {
      return errorAnswer(501, 'NotImplemented', `The property '${name}' cannot be read here.`);
    }
    if (!isKnownProperty(kind, name)) {
      return badRequest(`Could not find a property named '${name}' on type 'microsoft.graph.${kind}'.`);
    }
    if (name === 'signInActivity' && !request.roles.has('AuditLog.Read.All')) {
      return errorAnswer(
        403,
        'Authentication_MSGraphPermissionMissing',
        'signInActivity needs AuditLog.Read.All.',
      );
    }
  }
  return names.filter((name) => !relations.has(name));
}

/** Cuts one page out of `count` items; `write` gives '' for an item that is not shown. */
export function writePage(
  context: ReadContext,
  request: GraphRequest,
  fragment: string,
  count: number,
  write: (position: number) => string,
): Answer {
  const query = parseQuery(request.rawQuery);
  const top = Number(query.get('$top') ?? 100);
  if (!Number.isInteger(top) || top < 1 || top > 999) {
    return badRequest('Invalid page size specified; $top must be from 1 to 999.');
  }
  const written: string[] = [];
  let position = Number.parseInt((query.get('$skiptoken') ?? '').slice(4), 36) || 0;
  for (; position < count && written.length < top; position++) {
    const text = write(position);
    if (text !== '') written.push(text);
  }
  query.delete('$skiptoken');
  const kept = [...query].map(([name, value]) => `${name}=${encodeURIComponent(value)}&`).join('');
  const base = `${context.graphBaseUrl()}/v1.0`;
  const token = `RFNw${position.toString(36)}`;
  const link =
    position < count ? `,"@odata.nextLink":"${base}${request.path}?${kept}$skiptoken=${token}"` : '';
  return textAnswer(
    200,
    `{"@odata.context":"${base}/$metadata#${fragment}"${link},"value":[${written.join(',')}]}`,
  );
}
