import { Hono } from 'hono';
export function createAdmin(_: unknown): Hono {
  return new Hono().get('/readyz', (c) => c.text('ok'));
}
