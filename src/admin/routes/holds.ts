// Owns the routes about held removals: look at them, approve or discard precisely one.
import { z } from 'zod';
import { listHeldPeople } from '../../state/account-search.ts';
import type { Hold } from '../../state/removals.ts';
import { iso, isoOrNull } from '../../sync/status.ts';
import type { AdminOptions } from '../options.ts';
import { Problem } from '../problem.ts';
import { defineRoute, page, pageOf, type Route } from '../route.ts';

const params = z.object({
  id: z.coerce
    .number('must be the number of a hold')
    .int('must be the number of a hold')
    .meta({ description: 'The hold' }),
});

export function holdRoutes({ rooms, engine, now, log }: AdminOptions): Route[] {
  const { removals } = rooms;
  function find(id: number): Hold {
    const hold = removals.get(id);
    if (hold === undefined) throw new Problem(404, `There is no hold ${id}; /api/holds lists them.`);
    return hold;
  }

  const decision = (what: 'approve' | 'discard', summary: string): Route =>
    defineRoute({
      method: 'post',
      path: `/api/holds/:id/${what}`,
      tag: 'holds',
      summary,
      params,
      answers: { 200: 'Decided', 404: 'No such hold', 409: 'Decided before, grown into another, or emptied' },
      handle({ params: { id } }, c) {
        find(id);
        const result = removals.decide(id, what, 'api', now());
        if (!result.ok) throw new Problem(409, result.reason);
        // A decision must survive a power cut: nobody takes it twice.
        rooms.meta.flush();
        log.info('An operator decided a hold', { hold: id, decision: what, people: result.people });
        engine.asked();
        return c.json({ ...describeHold(find(id)), decidedPeople: result.people });
      },
    });

  return [
    defineRoute({
      method: 'get',
      path: '/api/holds',
      tag: 'holds',
      summary: 'Held removals and what became of earlier ones, newest first',
      query: z.object({ limit: page.limit }),
      answers: { 200: '`items`' },
      handle: ({ query }, c) => c.json({ items: removals.list(query.limit).map(describeHold) }),
    }),
    defineRoute({
      method: 'get',
      path: '/api/holds/:id',
      tag: 'holds',
      summary: 'One hold with its people, in pages',
      params,
      query: z.object(page),
      answers: { 200: 'The hold, `items` and `nextCursor`, which is null at the end', 404: 'No such hold' },
      handle({ params: { id }, query: { limit, cursor } }, c) {
        const hold = find(id);
        const people = listHeldPeople(rooms.state, id, cursor ?? 0, limit);
        const { items, nextCursor } = pageOf(people, limit, (person) => person.key);
        return c.json({
          ...describeHold(hold),
          items: items.map(({ key: _, since, ...person }) => ({ ...person, since: iso(since) })),
          nextCursor,
        });
      },
    }),
    decision('approve', 'Lets the removals of this hold be carried out'),
    decision('discard', 'Keeps the accounts of this hold; approving it later is still possible'),
  ];
}

function describeHold(hold: Hold) {
  return { ...hold, createdAt: iso(hold.createdAt), decidedAt: isoOrNull(hold.decidedAt) };
}
