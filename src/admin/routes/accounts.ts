// Owns the routes about people: search, explain, one person again, and the audit of all changes.
import { z } from 'zod';
import type { LedgerRow } from '../../state/ledger.ts';
import { searchAccounts } from '../../state/account-search.ts';
import { listAudit } from '../../state/audit-trail.ts';
import { describeAudit, explain } from '../../sync/explain.ts';
import { iso } from '../../sync/status.ts';
import type { AdminOptions } from '../options.ts';
import { Problem } from '../problem.ts';
import { defineRoute, page, pageOf, type Route } from '../route.ts';

const flag = z
  .enum(['true', 'false'], 'must be true or false')
  .transform((text) => text === 'true')
  .optional();
const objectId = z.guid('must be an object id').toLowerCase();
const params = z.object({ id: objectId.meta({ description: 'Object id of the person' }) });
const time = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2026-01-31T12:00:00Z' })
  .transform((text) => Date.parse(text))
  .optional();
const dayMs = 86_400_000;

export function accountRoutes(options: AdminOptions): Route[] {
  const { rooms, mapping, engine, removal, now } = options;
  const settings = { policy: removal.policy, graceDays: removal.graceMs / dayMs };
  return [
    defineRoute({
      method: 'get',
      path: '/api/accounts',
      tag: 'accounts',
      summary: 'The accounts, or those that a text finds, in pages',
      query: z.object({
        q: z
          .string()
          .max(200, 'must have 200 characters at most')
          .optional()
          .meta({ description: 'Part of the login, the name or the e-mail address, or a whole object id' }),
        enabled: flag.meta({ description: 'Only enabled or only disabled ones' }),
        removed: flag.meta({ description: 'true: the accounts that are gone instead' }),
        ...page,
      }),
      answers: { 200: '`items` and `nextCursor`, which is null at the end' },
      async handle({ query: { q, enabled, removed, limit, cursor } }, c) {
        const rows = await searchAccounts(rooms.state, {
          text: q,
          enabled,
          removed,
          after: cursor ?? 0,
          limit,
        });
        const { items, nextCursor } = pageOf(rows, limit, (row) => row.key);
        return c.json({ items: items.map(describeAccount), nextCursor });
      },
    }),
    defineRoute({
      method: 'get',
      path: '/api/accounts/:id',
      tag: 'accounts',
      summary: 'Why a person is, or is not, an account: facts and sentences',
      params,
      answers: { 200: 'The explanation', 404: 'Neither the tenant nor the accounts hold this id' },
      async handle({ params: { id } }, c) {
        const [person] = (await explain({ rooms, mapping, settings }, id)).people;
        if (person === undefined)
          throw new Problem(
            404,
            `Nobody with the object id ${id} was read from the tenant. If the user is new, POST /api/accounts/${id}/resync reads it now.`,
          );
        return c.json(person);
      },
    }),
    defineRoute({
      method: 'post',
      path: '/api/accounts/:id/resync',
      tag: 'accounts',
      summary: 'Reads one person again and settles the account',
      params,
      answers: { 202: 'Asked for; `runId` names the run' },
      handle({ params: { id } }, c) {
        const run = rooms.runs.request({ kind: 'resync', person: id, requestedBy: 'api' }, now());
        engine.asked();
        return c.json({ runId: run.id }, 202);
      },
    }),
    defineRoute({
      method: 'get',
      path: '/api/audit',
      tag: 'audit',
      summary: 'Each change to an account, newest first: when, why, before, after',
      query: z.object({
        person: objectId.optional().meta({ description: 'Object id of one person' }),
        since: time.meta({ description: 'From this time on' }),
        until: time.meta({ description: 'Up to this time' }),
        ...page,
      }),
      answers: { 200: '`items` and `nextCursor`, which is null at the end' },
      handle({ query: { person, since, until, limit, cursor } }, c) {
        const key = person === undefined ? undefined : (rooms.people.keyOf(person) ?? -1);
        const rows = listAudit(rooms.state, { key, since, until, before: cursor, limit });
        const { items, nextCursor } = pageOf(rows, limit, (row) => row.id);
        return c.json({ items: items.map(describeAudit), nextCursor });
      },
    }),
  ];
}

function describeAccount(row: LedgerRow) {
  return {
    id: row.externalId,
    login: row.login,
    ...row.fields,
    enabled: row.present && row.enabled,
    present: row.present,
    disabledSince: row.disabledSince === null ? null : iso(row.disabledSince),
    groups: row.groups,
  };
}
