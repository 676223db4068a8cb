// Owns the private door as a whole: what is open, what wants the token, and how failures are answered.
import { randomBytes } from 'node:crypto';
import { type Context, Hono, type Next } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { StateError } from '../state/database.ts';
import { createStatusReader } from '../sync/status.ts';
import { createGate, type Gate, isOwnOrigin } from './gate.ts';
import { createReadiness } from './health.ts';
import { describeApi } from './openapi.ts';
import type { AdminOptions } from './options.ts';
import { docsPage } from './pages/docs.ts';
import { pageHeaders } from './pages/layout.ts';
import { signInPage } from './pages/sign-in.ts';
import { statusPage } from './pages/status.ts';
import { answerProblem, Problem } from './problem.ts';
import { accountRoutes } from './routes/accounts.ts';
import { holdRoutes } from './routes/holds.ts';
import { notificationRoutes } from './routes/notifications.ts';
import { runRoutes } from './routes/runs.ts';
import { serviceRoutes } from './routes/service.ts';

export type { AdminOptions } from './options.ts';

const largestBody = 64 * 1024;

/**
 * The Hono application of the private door. Everything but the probes and the sign-in wants the admin token or a
 * session; errors are application/problem+json.
 */
export function createAdmin(options: AdminOptions): Hono {
  const { token, now, log, newSessionId = () => randomBytes(32).toString('base64url') } = options;
  const gate = createGate({ token, now, newSessionId });
  const routes = [
    ...serviceRoutes(options),
    ...runRoutes(options),
    ...accountRoutes(options),
    ...holdRoutes(options),
    ...notificationRoutes(options),
  ];
  const app = new Hono();
  app.use(protect);
  app.use(limitBody);
  addProbes(app, options);
  addSessions(app, gate);
  addStatusPage(app, gate, options);
  app.use((c, next) => admitOrRefuse(c, next, gate));
  app.get('/openapi.json', (c) => c.json(describeApi(routes)));
  app.get('/docs', (c) => c.html(docsPage(routes), 200, pageHeaders));
  for (const route of routes) app.on(route.method, route.path, (c) => route.serve(c));
  app.notFound((c) =>
    answerProblem(
      c,
      new Problem(404, `There is nothing at ${c.req.method} ${c.req.path}; /docs lists the routes.`),
    ),
  );
  app.onError((error, c) => {
    if (error instanceof Problem) return answerProblem(c, error);
    // The jobs and the probe tell the log.
    if (error instanceof StateError) return answerProblem(c, new Problem(503, error.message));
    log.error('A request to the private door failed', { error, path: c.req.path });
    return answerProblem(
      c,
      new Problem(500, 'The request failed within the service; the log has the reason.'),
    );
  });
  return app;
}

/** Answers hold personal data: no cache keeps them, no browser guesses at their type. */
async function protect(c: Context, next: Next): Promise<void> {
  await next();
  c.res.headers.set('cache-control', 'no-store');
  c.res.headers.set('x-content-type-options', 'nosniff');
}

const limitBody = bodyLimit({
  maxSize: largestBody,
  onError: (c) => answerProblem(c, new Problem(413, 'Nothing was done: the body is larger than 64 KiB.')),
});

function addProbes(app: Hono, options: AdminOptions): void {
  const readReadiness = createReadiness(options);
  app.get('/healthz', (c) => c.json({ status: 'alive' }));
  app.get('/readyz', (c) => {
    const readiness = readReadiness();
    return c.json(readiness, readiness.status === 'unready' ? 503 : 200);
  });
}

function addSessions(app: Hono, gate: Gate): void {
  app.post('/session', async (c) => {
    if (!isOwnOrigin(c)) return refuseOrigin(c);
    const token = await readToken(c);
    if (token !== undefined && gate.signIn(c, token)) return c.redirect('/', 303);
    return c.html(signInPage('This is not the admin token of the service.'), 401, pageHeaders);
  });
  app.post('/session/end', (c) => {
    if (!isOwnOrigin(c)) return refuseOrigin(c);
    gate.signOut(c);
    return c.redirect('/', 303);
  });
}

/** The token that the form holds; none where it is no form, or a broken one. */
async function readToken(c: Context): Promise<string | undefined> {
  try {
    const { token } = await c.req.parseBody();
    return typeof token === 'string' ? token.trim() : undefined;
  } catch {
    return undefined;
  }
}

function addStatusPage(app: Hono, gate: Gate, options: AdminOptions): void {
  const readStatus = createStatusReader(options);
  app.get('/', (c) =>
    c.html(gate.admit(c) === undefined ? signInPage() : statusPage(readStatus()), 200, pageHeaders),
  );
}

async function admitOrRefuse(c: Context, next: Next, gate: Gate): Promise<Response | undefined> {
  const way = gate.admit(c);
  if (way === undefined) {
    return answerProblem(
      c,
      new Problem(
        401,
        'Send the header "Authorization: Bearer ADMIN_TOKEN", or sign in at / with a browser.',
      ),
    );
  }
  // A browser sends the cookie by itself, so a POST must prove that a page of this door asked for it.
  if (way === 'session' && c.req.method !== 'GET' && c.req.method !== 'HEAD' && !isOwnOrigin(c))
    return refuseOrigin(c);
  await next();
  return undefined;
}

function refuseOrigin(c: Context): Response {
  return answerProblem(
    c,
    new Problem(
      403,
      'Nothing was done: the request does not come from a page of this service. If a proxy stands in front, let it pass the Host header on.',
    ),
  );
}
