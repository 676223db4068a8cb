// Owns the proof that a browser applies the pages' style: the policy's hash is that of the style in the page.
import { createHash } from 'node:crypto';
import { html } from 'hono/html';
import { expect, it } from 'vitest';
import { layout, pageHeaders } from '../../src/admin/pages/layout.ts';

it('the policy allows exactly the style sheet that the page holds', async () => {
  const page = String(await layout('A page', html`<p>text</p>`));
  const styles = [...page.matchAll(/<style>([\s\S]*?)<\/style>/g)].map((match) => match[1] ?? '');
  expect(styles).toHaveLength(1);
  const hash = createHash('sha256')
    .update(styles[0] ?? '')
    .digest('base64');
  expect(pageHeaders['content-security-policy']).toContain(`style-src 'sha256-${hash}'`);
});
