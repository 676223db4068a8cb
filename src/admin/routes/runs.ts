// Owns the routes about runs: the manual resync, the history, and the progress of one as server-sent events.
import { streamSSE } from 'hono/streaming';
import { z } from 'zod';
import type { StateRooms } from '../../state/rooms.ts';
import type { RunRow } from '../../state/runs.ts';
import { describeRun, describeStreams } from '../../sync/status.ts';
import type { AdminOptions } from '../options.ts';
import { Problem } from '../problem.ts';
import { defineRoute, page, type Route } from '../route.ts';

const params = z.object({ id: z.string().max(100).meta({ description: 'The run' }) });
const body = z.strictObject({
  dryRun: z
    .boolean('must be true or false')
    .default(false)
    .meta({ description: 'Plan only, change nothing' }),
  user: z
    .guid('must be the object id of a user')
    .toLowerCase()
    .optional()
    .meta({ description: 'Object id of one person instead of everybody' }),
});

/** How often a run is looked at for its events, and how often a silent stream shows that it lives. */
const lookEveryMs = 250;
const beatEveryLooks = 60;

export function runRoutes({ rooms, engine, now, sleep = wait }: AdminOptions): Route[] {
  const { runs } = rooms;
  function find(id: string): RunRow {
    const run = runs.get(id);
    if (run === undefined) throw new Problem(404, `There is no run ${id}; /api/runs lists them.`);
    return run;
  }
  return [
    defineRoute({
      method: 'post',
      path: '/api/resync',
      tag: 'runs',
      summary:
        'The manual full resync, of everybody or of one person; as a dry run it plans and changes nothing',
      body,
      answers: { 202: 'Asked for; `runId` names the run', 400: 'The body is wrong' },
      handle({ body: { dryRun, user } }, c) {
        const run = runs.request({ kind: 'resync', dryRun, person: user ?? null, requestedBy: 'api' }, now());
        engine.asked();
        return c.json({ runId: run.id }, 202);
      },
    }),
    defineRoute({
      method: 'get',
      path: '/api/runs',
      tag: 'runs',
      summary: 'The last runs, newest first',
      query: z.object({ limit: page.limit }),
      answers: { 200: '`items`' },
      handle: ({ query }, c) => c.json({ items: runs.list(query.limit).map(describeRun) }),
    }),
    defineRoute({
      method: 'get',
      path: '/api/runs/:id',
      tag: 'runs',
      summary: 'One run: status (queued, running, succeeded, failed, held), counts, the plan of a dry run',
      params,
      answers: { 200: 'The run', 404: 'No such run' },
      handle: ({ params: { id } }, c) => c.json(describeWhole(find(id))),
    }),
    defineRoute({
      method: 'get',
      path: '/api/runs/:id/events',
      tag: 'runs',
      summary: 'The progress of one run as server-sent events: `progress`, and `end` when it is over',
      params,
      answers: { 200: 'text/event-stream', 404: 'No such run' },
      handle({ params: { id } }, c) {
        find(id);
        return streamSSE(c, async (stream) => {
          let told = '';
          for (let looks = 0; !stream.aborted && !stream.closed; looks += 1) {
            const run = runs.get(id);
            if (run === undefined) return;
            const isOver = run.finishedAt !== null;
            const data = JSON.stringify(isOver ? describeWhole(run) : progressOf(rooms, run, now()));
            if (data !== told) await stream.writeSSE({ event: isOver ? 'end' : 'progress', data });
            else if (looks % beatEveryLooks === 0) await stream.write(': still there\n\n');
            told = data;
            if (isOver) return;
            await sleep(lookEveryMs);
          }
        });
      },
    }),
  ];
}

function describeWhole(run: RunRow) {
  return { ...describeRun(run), plan: run.plan === null ? null : (JSON.parse(run.plan) as unknown) };
}

/** What a run is at, with the rounds that it waits for. */
function progressOf(rooms: StateRooms, run: RunRow, now: number) {
  const streams = describeStreams(rooms, now).map(({ name, running }) => ({
    name,
    running: running === null ? null : { kind: running.kind, pages: running.pages, objects: running.objects },
  }));
  return { ...describeRun(run), streams, unsettled: rooms.people.count() };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
