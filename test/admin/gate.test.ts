// Owns the proof that nobody passes the private door without the token or a session.
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { closeWorlds, json, openPrivateDoor, openWorld, token } from './fixture.ts';

afterEach(closeWorlds);

const door = () => openPrivateDoor(openWorld());
const form = (value: string, headers: Record<string, string> = { origin: 'http://localhost' }) => ({
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  body: new URLSearchParams({ token: value }).toString(),
});

const guarded = [
  '/metrics',
  '/api/status',
  '/api/runs',
  '/api/runs/x',
  '/api/runs/x/events',
  '/api/subscriptions',
  '/api/accounts',
  '/api/holds',
  '/api/notifications',
  '/api/audit',
  '/openapi.json',
  '/docs',
];

describe('the private door', () => {
  it.each(guarded)('answers %s with a 401 problem to whoever shows nothing', async (path) => {
    const answer = await door().app.request(path);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(await json(answer)).toMatchObject({ status: 401, title: 'Not signed in' });
  });

  it.each([
    ['another token', `Bearer ${token.slice(0, -1)}x`],
    ['a longer one', `Bearer ${token}x`],
    ['an empty one', 'Bearer '],
    ['no scheme', token],
    ['another scheme', `Basic ${token}`],
  ])('refuses %s', async (_, authorization) => {
    const answer = await door().app.request('/api/status', { headers: { authorization } });
    expect(answer.status).toBe(401);
  });

  it('lets the token pass, whatever the case of its scheme', async () => {
    const { app } = door();
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const answer = await app.request('/api/status', { headers: { authorization: `${scheme} ${token}` } });
      expect(answer.status).toBe(200);
    }
  });

  it('keeps the probes open', async () => {
    const { app } = door();
    expect((await app.request('/healthz')).status).toBe(200);
    expect((await app.request('/readyz')).status).toBe(200);
  });

  it('answers an unknown route with a 404 problem', async () => {
    const answer = await door().get('/api/nothing');
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  it('forbids caches to keep an answer', async () => {
    expect((await door().get('/api/status')).headers.get('cache-control')).toBe('no-store');
  });

  it('never writes the token to the log', async () => {
    const { get, log, app } = door();
    await get('/api/nothing');
    await app.request('/session', form(token));
    expect(log.text()).not.toContain(token);
  });
});

describe('the page at /', () => {
  it('shows a sign-in form and nothing else to whoever is not signed in', async () => {
    const answer = await door().app.request('/');
    const text = await answer.text();
    expect(answer.status).toBe(200);
    expect(text).toContain('name="token"');
    expect(text).not.toContain('Delta streams');
  });

  it('shows the status after signing in, by a cookie that scripts and other sites never get', async () => {
    const { app } = door();
    const signedIn = await app.request('/session', form(token));
    expect(signedIn.status).toBe(303);
    const cookie = signedIn.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect(cookie).not.toContain(token);
    const page = await app.request('/', { headers: { cookie: cookie.split(';')[0] ?? '' } });
    expect(await page.text()).toContain('Delta streams');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('marks the cookie as secure where the door is reached by https', async () => {
    const { app } = door();
    const answer = await app.request(
      'https://ops.example/session',
      form(token, { origin: 'https://ops.example' }),
    );
    expect(answer.headers.get('set-cookie')).toMatch(/Secure/);
  });

  it('refuses a wrong token with a page that says so', async () => {
    const answer = await door().app.request('/session', form('wrong'));
    expect(answer.status).toBe(401);
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect(await answer.text()).toContain('not the admin token');
  });

  it.each([
    ['another site', { origin: 'https://evil.example' }],
    ['nobody in particular', {}],
    ['an opaque origin', { origin: 'null' }],
  ])('refuses a sign-in that comes from %s', async (_, headers) => {
    const answer = await door().app.request('/session', form(token, headers));
    expect(answer.status).toBe(403);
  });

  it.each([
    ['of parts without a boundary', 'multipart/form-data', 'token=x'],
    ['of broken parts', 'multipart/form-data; boundary=b', '--b\r\ncontent-disposition: form-data'],
    ['that is no form', 'text/plain', `token=${token}`],
    [
      'with a file for a token',
      'multipart/form-data; boundary=b',
      `--b\r\ncontent-disposition: form-data; name="token"; filename="x"\r\n\r\n${token}\r\n--b--\r\n`,
    ],
  ])('takes a form %s for a wrong token', async (_, type, body) => {
    const { app, log } = door();
    const headers = { origin: 'http://localhost', 'content-type': type };
    const answer = await app.request('/session', { method: 'POST', headers, body });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect(log.lines).toEqual([]);
  });

  it('needs no script and nothing from elsewhere', async () => {
    const text = await (await door().get('/')).text();
    expect(text).not.toMatch(/<script|src=|@import|url\(/);
  });

  it('writes what comes from the tenant as text, never as markup', async () => {
    const world = openWorld();
    world.rooms.targets.failed('sqlite', '<img src=x onerror=alert(1)>', world.now);
    const text = await (await openPrivateDoor(world).get('/')).text();
    expect(text).toContain('&lt;img');
    expect(text).not.toContain('<img');
  });
});

describe('a session', () => {
  async function signedIn() {
    const one = door();
    const answer = await one.app.request('/session', form(token));
    const cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    return { ...one, cookie };
  }

  it('reads the API', async () => {
    const { app, cookie } = await signedIn();
    expect((await app.request('/api/status', { headers: { cookie } })).status).toBe(200);
  });

  it('changes things from a page of the door itself only', async () => {
    const { app, cookie, told } = await signedIn();
    const post = (headers: Record<string, string>) =>
      app.request('/api/resync', { method: 'POST', headers: { cookie, ...headers } });
    expect((await post({})).status).toBe(403);
    expect((await post({ origin: 'https://evil.example' })).status).toBe(403);
    expect((await post({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect(told).toEqual([]);
    expect((await post({ origin: 'http://localhost' })).status).toBe(202);
    expect((await post({ 'sec-fetch-site': 'same-origin' })).status).toBe(202);
  });

  it('ends after twelve hours', async () => {
    const { app, cookie, world } = await signedIn();
    world.now += 12 * 3_600_000 + 1;
    expect((await app.request('/api/status', { headers: { cookie } })).status).toBe(401);
  });

  it('ends when its owner signs out', async () => {
    const { app, cookie } = await signedIn();
    await app.request('/session/end', { method: 'POST', headers: { cookie, origin: 'http://localhost' } });
    expect((await app.request('/api/status', { headers: { cookie } })).status).toBe(401);
  });

  it('is not guessed', async () => {
    const { app } = await signedIn();
    const headers = { cookie: 'gespage_sync_session=secret-session-2' };
    expect((await app.request('/api/status', { headers })).status).toBe(401);
  });

  it('gives way to newer ones, the oldest first', async () => {
    const { app, cookie } = await signedIn();
    const status = async (of: string) =>
      (await app.request('/api/status', { headers: { cookie: of } })).status;
    for (let more = 0; more < 99; more += 1) await app.request('/session', form(token));
    expect(await status(cookie)).toBe(200);
    await app.request('/session', form(token));
    expect(await status(cookie)).toBe(401);
    expect(await status('gespage_sync_session=secret-session-2')).toBe(200);
    expect(await status('gespage_sync_session=secret-session-101')).toBe(200);
  });
});

it('the token and sessions are compared in constant time, and no session is kept as it is', () => {
  const source = readFileSync(new URL('../../src/admin/gate.ts', import.meta.url), 'utf8');
  expect(source.match(/timingSafeEqual\(digest|timingSafeEqual\(session\.digest/g)).toHaveLength(2);
  expect(source).not.toMatch(/\.(get|has|includes|indexOf)\((id|token|given)\)/);
  expect(source).not.toMatch(/(token|given|id) [!=]==? (?!undefined)/);
});
