// Owns the map from Graph's paths to what answers them.
import { badRequest, denied, jsonAnswer, parseQuery } from './answers.ts';
import type { Answer, GraphRequest } from './answers.ts';
import type { DeltaRoutes } from './delta.ts';
import { kindOfCast, readMemberGroups, readMemberOf, readMembers } from './memberships.ts';
import { mayReadKind } from './paging.ts';
import type { ReadContext } from './paging.ts';
import type { Kind } from './properties.ts';
import { getByIds, listObjects, readDeletedItems, readObject } from './reads.ts';
import type { SignInSettings } from './sign-in.ts';
import type { Subscriptions } from './subscriptions.ts';

export type RouteContext = {
  reads: ReadContext;
  delta: DeltaRoutes;
  subscriptions: Subscriptions;
  signIn: SignInSettings;
  domain: string;
};

export type Route = (request: GraphRequest) => Answer | Promise<Answer>;

const kinds: Record<string, Kind> = {
  users: 'user',
  groups: 'group',
  devices: 'device',
  serviceprincipals: 'servicePrincipal',
};

function unknownSegment(name: string): Answer {
  return badRequest(`Resource not found for the segment '${name}'.`);
}

/** Makes the router for everything below `/v1.0` except `$batch`. */
export function createRoutes(context: RouteContext): Route {
  return (request) => {
    const [first = '', second, third, fourth] = request.segments;
    const collection = first.toLowerCase();
    const kind = kinds[collection];
    if (kind) {
      if (second === undefined) return get(request, () => listObjects(context.reads, kind, request));
      if ((kind === 'user' || kind === 'group') && /^(microsoft\.graph\.)?delta(\(\))?$/i.test(second)) {
        return context.delta.handle(kind === 'user' ? 'users' : 'groups', request);
      }
      if (third === undefined) return get(request, () => readObject(context.reads, kind, second, request));
      return relation(context, kind, second, third, fourth, request);
    }
    switch (collection) {
      case 'subscriptions':
        return subscriptionRoute(context.subscriptions, second, third, request);
      case 'directory':
        if (second?.toLowerCase() !== 'deleteditems') return unknownSegment(second ?? '');
        return get(request, () => {
          const cast = kindOfCast(third) ?? kindOfCast(fourth);
          const id = kindOfCast(third) ? undefined : third;
          return readDeletedItems(context.reads, request, id, cast);
        });
      case 'directoryobjects':
        if (second?.toLowerCase().replace('microsoft.graph.', '') !== 'getbyids')
          return unknownSegment(second ?? '');
        return request.method === 'POST' ? getByIds(context.reads, request) : badRequest('POST is needed.');
      case 'organization':
        return get(request, () => organization(context, request));
      case 'applications':
      case `applications(appid='${context.signIn.clientId.toLowerCase()}')`:
        return get(request, () => application(context, request, collection !== 'applications'));
      default:
        return unknownSegment(first);
    }
  };
}

function get(request: GraphRequest, answer: () => Answer): Answer {
  return request.method === 'GET' ? answer() : denied();
}

function relation(
  context: RouteContext,
  kind: Kind,
  id: string,
  name: string,
  castSegment: string | undefined,
  request: GraphRequest,
): Answer {
  const lower = name.toLowerCase().replace('microsoft.graph.', '');
  const cast = kindOfCast(castSegment);
  if (castSegment !== undefined && !cast) return unknownSegment(castSegment);
  if (kind === 'group' && (lower === 'members' || lower === 'transitivemembers')) {
    const options = { transitive: lower === 'transitivemembers', cast };
    return get(request, () => readMembers(context.reads, id, request, options));
  }
  if (lower === 'memberof' || lower === 'transitivememberof') {
    const options = { transitive: lower === 'transitivememberof', cast };
    return get(request, () => readMemberOf(context.reads, { kind, id }, request, options));
  }
  if (kind === 'user' && (lower === 'getmembergroups' || lower === 'checkmembergroups')) {
    if (request.method !== 'POST') return badRequest('POST is needed.');
    return readMemberGroups(context.reads, id, request, lower === 'checkmembergroups');
  }
  return unknownSegment(name);
}

function subscriptionRoute(
  subscriptions: Subscriptions,
  id: string | undefined,
  action: string | undefined,
  request: GraphRequest,
): Answer | Promise<Answer> {
  const { method } = request;
  if (id === undefined) {
    if (method === 'POST') return subscriptions.create(request);
    return method === 'GET' ? subscriptions.list(request) : badRequest('GET or POST is needed.');
  }
  if (action !== undefined) {
    const reauthorizes = action.toLowerCase().replace('microsoft.graph.', '') === 'reauthorize';
    return reauthorizes && method === 'POST' ? subscriptions.reauthorize(id) : unknownSegment(action);
  }
  switch (method) {
    case 'GET':
      return subscriptions.get(id);
    case 'PATCH':
      return subscriptions.patch(id, request);
    case 'DELETE':
      return subscriptions.remove(id);
    default:
      return badRequest('GET, PATCH or DELETE is needed.');
  }
}

function organization(context: RouteContext, request: GraphRequest): Answer {
  const allowed = ['Organization.Read.All', 'Directory.Read.All'].some((role) => request.roles.has(role));
  if (!allowed) return denied();
  return jsonAnswer(200, {
    '@odata.context': `${context.reads.graphBaseUrl()}/v1.0/$metadata#organization`,
    value: [
      {
        id: context.signIn.tenantId,
        displayName: 'Emulated University',
        verifiedDomains: [{ name: context.domain, isDefault: true, isInitial: true, type: 'Managed' }],
      },
    ],
  });
}

/** The app registration with the ends of its credentials; needs Application.Read.All. */
function application(context: RouteContext, request: GraphRequest, single: boolean): Answer {
  if (!mayReadKind('servicePrincipal', request.roles)) return denied();
  const { clientId, secrets } = context.signIn;
  const filter = parseQuery(request.rawQuery).get('$filter');
  if (!single && filter !== undefined && filter.toLowerCase() !== `appid eq '${clientId.toLowerCase()}'`) {
    return jsonAnswer(200, { value: [] });
  }
  const registration = {
    id: clientId,
    appId: clientId,
    displayName: 'gespage-graph-sync',
    passwordCredentials: secrets.map(({ value, expires }) => ({
      hint: value.slice(0, 3),
      endDateTime: Number.isFinite(expires) ? new Date(expires).toISOString() : null,
    })),
    keyCredentials: [],
  };
  return jsonAnswer(200, single ? registration : { value: [registration] });
}
