// Owns reads of membership: members, nested members, groups of a person, and the two membership checks.
import { badRequest, denied, errorAnswer, jsonAnswer, notFound, parseQuery } from './answers.ts';
import type { Answer, GraphRequest } from './answers.ts';
import { directGroups, directMembers, transitiveGroups, transitiveMembers } from './closure.ts';
import type { Version } from './directory.ts';
import { indexOfRef, kindOfRef, refOf } from './members.ts';
import type { Ref } from './members.ts';
import { mayReadKind, readSelect, writePage } from './paging.ts';
import type { ReadContext } from './paging.ts';
import { defaultProperties } from './properties.ts';
import type { Kind } from './properties.ts';
import { typeName } from './serialise.ts';

/** What Graph calls a type cast in a path, such as `microsoft.graph.user`. */
export function kindOfCast(segment: string | undefined): Kind | undefined {
  const name = /^microsoft\.graph\.(user|group|device|servicePrincipal)$/i.exec(segment ?? '')?.[1];
  return (['user', 'group', 'device', 'servicePrincipal'] as const).find(
    (kind) => kind.toLowerCase() === name?.toLowerCase(),
  );
}

function active(
  context: ReadContext,
  kind: Kind,
  id: string,
  asOf: number,
): { index: number; version: Version } | undefined {
  const found = context.directory.find(id, [kind]);
  const version = found && context.directory.stateAt(kind, found.index, asOf);
  return found && version?.status === 'active' ? { index: found.index, version } : undefined;
}

/** One related object. Of a type that the app may not read, only type and id come; the rest is null, with status 200. */
function writeRelated(
  context: ReadContext,
  ref: Ref,
  asOf: number,
  request: GraphRequest,
  typed: boolean,
): string {
  const kind = kindOfRef(ref);
  const index = indexOfRef(ref);
  const version = context.directory.stateAt(kind, index, asOf);
  if (!version) return '';
  const selected = parseQuery(request.rawQuery).get('$select')?.split(',');
  const names = (selected ?? defaultProperties[kind]).map((name) => name.trim());
  const type = typed ? `"@odata.type":"${typeName(kind)}",` : '';
  if (mayReadKind(kind, request.roles)) return `{${type}${context.writer(kind, names)(index, version)}}`;
  const nulls = names.filter((name) => name !== 'id').map((name) => `,"${name}":null`);
  return `{${type}"id":"${context.directory.idOf(kind, index)}"${nulls.join('')}}`;
}

function castRefusal(cast: Kind | undefined, request: GraphRequest): Answer | undefined {
  if (!cast) return undefined;
  const eventual = request.headers['consistencylevel']?.toLowerCase() === 'eventual';
  if (eventual && parseQuery(request.rawQuery).get('$count') === 'true') return undefined;
  return errorAnswer(
    400,
    'Request_UnsupportedQuery',
    'A cast of a directory relationship needs $count=true and the header ConsistencyLevel: eventual.',
  );
}

/** `GET /groups/{id}/members` and `/transitiveMembers`, optionally cast to one type. */
export function readMembers(
  context: ReadContext,
  groupId: string,
  request: GraphRequest,
  options: { transitive: boolean; cast: Kind | undefined },
): Answer {
  if (!mayReadKind('group', request.roles)) return denied();
  const refused = castRefusal(options.cast, request);
  if (refused) return refused;
  const names = options.cast ? readSelect(options.cast, request) : [];
  if ('status' in names) return names;
  const asOf = context.visible();
  const group = active(context, 'group', groupId, asOf);
  if (!group) return notFound(groupId);
  const { directory } = context;
  const hidden =
    directory.propsOf('group', group.index, group.version)['visibility'] === 'HiddenMembership' &&
    !request.roles.has('Member.Read.Hidden');
  const read = options.transitive ? transitiveMembers : directMembers;
  const refs = hidden ? [] : read(directory, group.index, asOf);
  const shown = options.cast ? refs.filter((ref) => kindOfRef(ref) === options.cast) : refs;
  return writePage(context, request, 'directoryObjects', shown.length, (position) =>
    writeRelated(context, shown[position] as Ref, asOf, request, options.cast === undefined),
  );
}

/** `GET /users/{id}/memberOf`, `/transitiveMemberOf`, and the same for groups. */
export function readMemberOf(
  context: ReadContext,
  owner: { kind: Kind; id: string },
  request: GraphRequest,
  options: { transitive: boolean; cast: Kind | undefined },
): Answer {
  const allowed =
    owner.kind === 'group' ? mayReadKind('group', request.roles) : request.roles.has('Directory.Read.All');
  if (!allowed) return denied();
  const refused = castRefusal(options.cast, request);
  if (refused) return refused;
  const asOf = context.visible();
  const found = active(context, owner.kind, owner.id, asOf);
  if (!found) return notFound(owner.id);
  const read = options.transitive ? transitiveGroups : directGroups;
  const groups = read(context.directory, refOf(owner.kind, found.index), asOf);
  return writePage(context, request, 'directoryObjects', groups.length, (position) =>
    writeRelated(
      context,
      refOf('group', groups[position] as number),
      asOf,
      request,
      options.cast === undefined,
    ),
  );
}

/** `POST /users/{id}/getMemberGroups` and `checkMemberGroups`: ids of groups, nested ones included. */
export function readMemberGroups(
  context: ReadContext,
  userId: string,
  request: GraphRequest,
  check: boolean,
): Answer {
  if (!mayReadKind('user', request.roles) || !mayReadKind('group', request.roles)) return denied();
  let input: { securityEnabledOnly?: unknown; groupIds?: unknown };
  try {
    input = JSON.parse(request.body || '{}') as typeof input;
  } catch {
    return badRequest('Unable to read JSON request payload.');
  }
  const asked = Array.isArray(input.groupIds) ? input.groupIds.map((id) => String(id).toLowerCase()) : null;
  if (check && (!asked || asked.length > 20)) {
    return badRequest('groupIds must name 1 to 20 groups.', 'Request_BadRequest');
  }
  if (!check && typeof input.securityEnabledOnly !== 'boolean') {
    return badRequest('securityEnabledOnly is required.', 'Request_BadRequest');
  }
  const asOf = context.visible();
  const found = active(context, 'user', userId, asOf);
  if (!found) return notFound(userId);
  const { directory } = context;
  let groups = transitiveGroups(directory, refOf('user', found.index), asOf);
  if (!check && input.securityEnabledOnly === true) {
    groups = groups.filter((group) => {
      const version = directory.stateAt('group', group, asOf);
      return version && directory.propsOf('group', group, version)['securityEnabled'] === true;
    });
  }
  if (groups.length > 2046) {
    return errorAnswer(403, 'Directory_ResultSizeLimitExceeded', 'The result holds more than 2046 groups.');
  }
  const ids = groups
    .map((group) => directory.idOf('group', group))
    .filter((id) => !check || asked?.includes(id));
  const head = `${context.graphBaseUrl()}/v1.0/$metadata#Collection(Edm.String)`;
  return jsonAnswer(200, { '@odata.context': head, value: ids });
}
