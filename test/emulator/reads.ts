// Owns reads of objects: one by id, lists, deleted items, and getByIds.
import { badRequest, denied, errorAnswer, notFound, parseQuery, textAnswer } from './answers.ts';
import type { Answer, GraphRequest } from './answers.ts';
import { allKinds } from './directory.ts';
import { mayReadKind, plurals, readSelect, writePage } from './paging.ts';
import type { ReadContext } from './paging.ts';
import type { Kind } from './properties.ts';
import { typeName } from './serialise.ts';

/** `GET /users/{id or UPN}`, `GET /groups/{id}`, `GET /devices/{id}`. */
export function readObject(context: ReadContext, kind: Kind, id: string, request: GraphRequest): Answer {
  if (!mayReadKind(kind, request.roles)) return denied();
  const names = readSelect(kind, request);
  if ('status' in names) return names;
  const asOf = context.visible();
  const index =
    kind === 'user' && id.includes('@') ? findByName(context, id, asOf) : findById(context, kind, id);
  const version = index === undefined ? undefined : context.directory.stateAt(kind, index, asOf);
  if (index === undefined || version?.status !== 'active') return notFound(id);
  const head = `"@odata.context":"${context.graphBaseUrl()}/v1.0/$metadata#${plurals[kind]}/$entity"`;
  return textAnswer(200, `{${head},${context.writer(kind, names)(index, version)}}`);
}

function findById(context: ReadContext, kind: Kind, id: string): number | undefined {
  return context.directory.find(id, [kind])?.index;
}

function findByName(context: ReadContext, name: string, asOf: number): number | undefined {
  const { directory } = context;
  const wanted = name.toLowerCase();
  for (let index = 0; index < directory.table('user').count; index++) {
    const version = directory.stateAt('user', index, asOf);
    if (version?.status !== 'active') continue;
    const upn = directory.propsOf('user', index, version)['userPrincipalName'];
    if (typeof upn === 'string' && upn.toLowerCase() === wanted) return index;
  }
  return undefined;
}

/** `GET /users`, `GET /groups`: paged, with `$top`, `$select` and `$filter=name eq value`. */
export function listObjects(context: ReadContext, kind: Kind, request: GraphRequest): Answer {
  if (!mayReadKind(kind, request.roles)) return denied();
  const names = readSelect(kind, request);
  if ('status' in names) return names;
  const { directory } = context;
  const text = parseQuery(request.rawQuery).get('$filter');
  const filter = /^(\w+) eq (?:'(.*)'|(true|false))$/.exec(text ?? '');
  if (text !== undefined && !filter) {
    return errorAnswer(400, 'Request_UnsupportedQuery', 'Unsupported or invalid query filter clause.');
  }
  const [, property = '', quoted, literal] = filter ?? [];
  const wanted = (literal ?? quoted?.replaceAll("''", "'") ?? '').toLowerCase();
  const asOf = context.visible();
  const write = context.writer(kind, names);
  return writePage(context, request, plurals[kind], directory.table(kind).count, (index) => {
    const version = directory.stateAt(kind, index, asOf);
    if (version?.status !== 'active') return '';
    if (filter) {
      const id = directory.idOf(kind, index);
      const value = property === 'id' ? id : directory.propsOf(kind, index, version)[property];
      if (String(value).toLowerCase() !== wanted) return '';
    }
    return `{${write(index, version)}}`;
  });
}

/** `GET /directory/deletedItems/{id}`, and the list when `id` is undefined; `cast` narrows the kind. */
export function readDeletedItems(
  context: ReadContext,
  request: GraphRequest,
  id: string | undefined,
  cast: Kind | undefined,
): Answer {
  const { directory } = context;
  const asOf = context.visible();
  const mayRead = (kind: Kind): boolean =>
    request.roles.has('Directory.Read.All') ||
    request.roles.has(kind === 'user' ? 'User.Read.All' : 'Group.Read.All');
  const namesOf = (kind: Kind): readonly string[] | Answer => {
    const names = readSelect(kind, request);
    return 'status' in names ? names : [...new Set([...names, 'deletedDateTime'])];
  };
  if (id === undefined) {
    const kind = cast ?? 'user';
    if (!mayRead(kind)) return denied();
    const names = namesOf(kind);
    if ('status' in names) return names;
    const write = context.writer(kind, names);
    return writePage(context, request, 'directoryObjects', directory.table(kind).count, (index) => {
      const version = directory.stateAt(kind, index, asOf);
      return version?.status === 'deleted' ? `{${write(index, version)}}` : '';
    });
  }
  const found = directory.find(id, cast ? [cast] : ['user', 'group']);
  const version = found && directory.stateAt(found.kind, found.index, asOf);
  if (!found || version?.status !== 'deleted') return notFound(id);
  if (!mayRead(found.kind)) return denied();
  const names = namesOf(found.kind);
  if ('status' in names) return names;
  const head = `"@odata.context":"${context.graphBaseUrl()}/v1.0/$metadata#directoryObjects/$entity"`;
  const type = cast ? '' : `,"@odata.type":"${typeName(found.kind)}"`;
  return textAnswer(200, `{${head}${type},${context.writer(found.kind, names)(found.index, version)}}`);
}

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** `POST /directoryObjects/getByIds`: what is unknown, deleted or not yet replicated is simply missing. */
export function getByIds(context: ReadContext, request: GraphRequest): Answer {
  if (!request.roles.has('Directory.Read.All')) return denied();
  const { directory } = context;
  let input: { ids?: unknown; types?: unknown };
  try {
    input = JSON.parse(request.body) as typeof input;
  } catch {
    return badRequest('Unable to read JSON request payload.');
  }
  const ids = Array.isArray(input.ids) ? input.ids : [];
  if (ids.length === 0 || !ids.every((id) => typeof id === 'string' && guid.test(id))) {
    return badRequest('Invalid GUID in ids.', 'Request_BadRequest');
  }
  if (ids.length > 1000) return badRequest('At most 1000 ids are allowed.', 'Request_BadRequest');
  const types = Array.isArray(input.types) ? input.types.map((type) => String(type).toLowerCase()) : null;
  const kinds = allKinds.filter(
    (kind) => !types || types.includes(kind.toLowerCase()) || types.includes('directoryobject'),
  );
  const asOf = context.visible();
  const selected = parseQuery(request.rawQuery).get('$select')?.split(',');
  const items: string[] = [];
  for (const id of new Set(ids.map((each) => String(each).toLowerCase()))) {
    const found = directory.find(id, kinds);
    const version = found && directory.stateAt(found.kind, found.index, asOf);
    if (!found || version?.status !== 'active') continue;
    const names = selected ?? ['displayName'];
    const text = context.writer(found.kind, names)(found.index, version);
    items.push(`{"@odata.type":"${typeName(found.kind)}",${text}}`);
  }
  const head = `"@odata.context":"${context.graphBaseUrl()}/v1.0/$metadata#directoryObjects"`;
  return textAnswer(200, `{${head},"value":[${items.join(',')}]}`);
}
