// Owns the delta routes of users and groups: query rules, pages, links and tombstones.
import { badRequest, denied, jsonAnswer, parseQuery, textAnswer } from './answers.ts';
import type { Answer, GraphRequest } from './answers.ts';
import { drawSize, planRound } from './delta-plan.ts';
import type { DeltaSettings, Plan, Unit } from './delta-plan.ts';
import { mayReadStream, readIds, readTracked, refuseOptions } from './delta-query.ts';
import type { DeltaToken, Stream, TokenCodec } from './delta-token.ts';
import type { Directory } from './directory.ts';
import { defaultProperties, relations } from './properties.ts';
import type { Kind } from './properties.ts';
import { createRandom, mix32, randomGuid } from './random.ts';
import type { Random } from './random.ts';
import { compileWriter, writeMember } from './serialise.ts';
import type { Writer } from './serialise.ts';

/** Misbehaviour of delta that a test can switch on. */
export type DeltaFaults = {
  /** Answers the same page for ever: with the very same next link, or with ever new ones. */
  loop: 'same-link' | 'fresh-links' | null;
  /** Next links, and `Location` of a 410, point to this origin instead of Graph's. */
  foreignOrigin: string | null;
  /** So many of the next pages come with neither link. */
  pagesWithoutLink: number;
  /** So many of the next full rounds are empty but complete. */
  emptyRounds: number;
};

export type RoundRecord = {
  stream: Stream;
  full: boolean;
  at: number;
  finishedAt: number | null;
  pages: number;
};

export type DeltaRoutes = {
  handle(stream: Stream, request: GraphRequest): Answer;
  /** Every round started so far, oldest first. */
  rounds: RoundRecord[];
};

export type DeltaContext = {
  directory: Directory;
  tokens: TokenCodec;
  settings: DeltaSettings;
  faults: DeltaFaults;
  random: Random;
  now: () => number;
  graphBaseUrl: () => string;
};

/** Makes the two delta routes. */
export function createDelta(context: DeltaContext): DeltaRoutes {
  const { directory, tokens, settings, faults, random, now } = context;
  const plans = new Map<number, Plan>();
  const writers = new Map<string, Writer>();
  const records = new Map<number, RoundRecord>();
  const rounds: RoundRecord[] = [];

  const planOf = (token: DeltaToken): Plan => {
    let plan = plans.get(token.salt);
    if (!plan) {
      plan = planRound(directory, token, settings);
      plans.set(token.salt, plan);
      const oldest = plans.size > 16 ? plans.keys().next().value : undefined;
      if (oldest !== undefined) plans.delete(oldest);
    }
    return plan;
  };

  const writerFor = (kind: Kind, names: readonly string[]): Writer => {
    const key = `${kind}:${names.join(',')}`;
    let writer = writers.get(key);
    if (!writer) {
      writer = compileWriter(directory, kind, names, 'absent');
      if (writers.size < 1000) writers.set(key, writer);
    }
    return writer;
  };

  const linkTo = (token: DeltaToken): string => {
    const origin =
      token.use === 'skip' && faults.foreignOrigin ? faults.foreignOrigin : context.graphBaseUrl();
    return `${origin}/v1.0/${token.stream}/delta?$${token.use}token=${tokens.write(token)}`;
  };

  const begin = (
    token: Omit<DeltaToken, 'to' | 'size' | 'position' | 'page' | 'salt' | 'use'>,
  ): DeltaToken => {
    const kind: Kind = token.stream === 'users' ? 'user' : 'group';
    const started: DeltaToken = {
      ...token,
      use: 'skip',
      to: Math.max(token.from, directory.visible('delta')),
      size: directory.table(kind).count,
      position: 0,
      page: 0,
      salt: random.int(0, 0xffffffff),
    };
    const record = { stream: token.stream, full: token.from < 0, at: now(), finishedAt: null, pages: 0 };
    records.set(started.salt, record);
    rounds.push(record);
    return started;
  };

  const endOf = (token: DeltaToken): DeltaToken => ({
    ...token,
    use: 'delta',
    from: token.to,
    position: 0,
    page: 0,
    issued: now(),
    epoch: tokens.epoch(token.stream),
  });

  const writeUnit = (
    kind: Kind,
    unit: Unit,
    token: DeltaToken,
    request: GraphRequest,
    write: Writer,
    minimal: boolean,
  ): string => {
    if (unit.index < 0) return `{"id":"${randomGuid(random)}","@removed":{"reason":"deleted"}}`;
    const version = directory.stateAt(kind, unit.index, unit.asOf);
    if (!version) return '';
    if (version.status !== 'active') {
      if (token.from < 0 && !settings.firstRoundTombstones) return '';
      const reason = version.status === 'deleted' ? 'changed' : 'deleted';
      return `{"id":"${directory.idOf(kind, unit.index)}","@removed":{"reason":"${reason}"}}`;
    }
    const names =
      minimal && unit.changed ? namesOf(token, kind).filter((name) => unit.changed?.has(name)) : null;
    const head = `{${(names ? writerFor(kind, names) : write)(unit.index, version)}`;
    if (!unit.members || hides(directory, kind, unit, request)) return `${head}}`;
    const members = Array.from(unit.members, (entry) =>
      writeMember(directory, entry < 0 ? -1 - entry : entry, entry < 0),
    );
    return `${head},"members@delta":[${members.join(',')}]}`;
  };

  const writePage = (token: DeltaToken, request: GraphRequest): Answer => {
    const kind: Kind = token.stream === 'users' ? 'user' : 'group';
    const minimal = request.headers['prefer']?.toLowerCase().includes('return=minimal') ?? false;
    const record = records.get(token.salt);
    if (record) record.pages += 1;
    const plan = planOf(token);
    const dice = createRandom(token.salt ^ mix32(token.page + 1));
    const items: string[] = [];
    let position = token.position;
    const empty = dice.chance(Math.min(0.9, settings.emptyPages));
    const emptyRound = token.from < 0 && token.page === 0 && faults.emptyRounds > 0;
    if (emptyRound) {
      faults.emptyRounds -= 1;
      position = plan.length;
    } else if (!empty) {
      const most = Math.min(999, Math.max(1, drawSize(settings.pageSize, dice)));
      let members = Math.max(1, drawSize(settings.membersPerPage, dice));
      const write = writerFor(kind, namesOf(token, kind));
      for (; position < plan.length && items.length < most && members > 0; position++) {
        const unit = plan.unit(position) as Unit;
        const text = writeUnit(kind, unit, token, request, write, minimal);
        if (text === '') continue;
        items.push(text);
        if (token.from < 0 && items.length < most && dice.chance(settings.repeatObjects)) items.push(text);
        members -= unit.members?.length ?? 0;
      }
    }
    const finished = position >= plan.length;
    if (finished && record) {
      record.finishedAt = now();
      records.delete(token.salt);
    }
    const next = { ...token, position, page: token.page + 1 };
    const link = chooseLink(token, next, finished);
    const select = token.select ? `(${token.select.join(',')})` : '';
    const heading = `"@odata.context":"${context.graphBaseUrl()}/v1.0/$metadata#${token.stream}${select}"`;
    return textAnswer(
      200,
      `{${heading}${link},"value":[${items.join(',')}]}`,
      minimal ? { 'preference-applied': 'return=minimal' } : {},
    );
  };

  const chooseLink = (token: DeltaToken, next: DeltaToken, finished: boolean): string => {
    if (faults.pagesWithoutLink > 0) {
      faults.pagesWithoutLink -= 1;
      return '';
    }
    if (faults.loop) {
      const again =
        faults.loop === 'same-link' ? token : { ...token, issued: token.issued + random.int(1, 1e6) };
      return `,"@odata.nextLink":"${linkTo(again)}"`;
    }
    return finished
      ? `,"@odata.deltaLink":"${linkTo(endOf(token))}"`
      : `,"@odata.nextLink":"${linkTo(next)}"`;
  };

  const handle: DeltaRoutes['handle'] = (stream, request) => {
    if (request.method !== 'GET') return badRequest('Delta is read with GET.');
    if (!mayReadStream(stream, request.roles)) return denied();
    const query = parseQuery(request.rawQuery);
    const select = readTracked(stream, query);
    if (select !== null && 'status' in select) return select;
    const refused = refuseOptions(query);
    if (refused) return refused;
    const skip = query.get('$skiptoken');
    const delta = query.get('$deltatoken');
    if (skip !== undefined) {
      if (query.size > 1) return badRequest('No query option may accompany $skiptoken.');
      const token = tokens.read(skip, stream);
      if ('status' in token) return token;
      return token.use === 'skip' ? writePage(token, request) : badRequest('This is not a skip token.');
    }
    const fresh = { stream, from: -1, issued: now(), epoch: tokens.epoch(stream), select, ids: null };
    if (delta?.toLowerCase() === 'latest') {
      const token = begin(fresh);
      const link = linkTo(endOf(token));
      const head = `${context.graphBaseUrl()}/v1.0/$metadata#${stream}`;
      return jsonAnswer(200, { '@odata.context': head, '@odata.deltaLink': link, value: [] });
    }
    if (delta) {
      if (query.has('$filter')) return badRequest('$filter may not accompany $deltatoken.');
      const token = tokens.read(delta, stream);
      if ('status' in token) return token;
      if (token.use !== 'delta') return badRequest('This is not a delta token.');
      return writePage(begin({ ...token, select: select ?? token.select, issued: now() }), request);
    }
    const ids = readIds(query.get('$filter'));
    if (ids !== null && 'status' in ids) return ids;
    return writePage(begin({ ...fresh, ids }), request);
  };

  return { handle, rounds };
}

/** The properties that a round writes; relations come separately. */
function namesOf(token: DeltaToken, kind: Kind): readonly string[] {
  return (token.select ?? defaultProperties[kind]).filter((name) => !relations.has(name));
}

function hides(directory: Directory, kind: Kind, unit: Unit, request: GraphRequest): boolean {
  const version = directory.stateAt(kind, unit.index, unit.asOf);
  const hidden = version?.props?.['visibility'] === 'HiddenMembership';
  return hidden && !request.roles.has('Member.Read.Hidden');
}
