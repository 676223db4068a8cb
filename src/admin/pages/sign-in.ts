// Owns the page that asks for the admin token. It says nothing about the service to whoever has none.
import { html } from 'hono/html';
import { type Html, layout } from './layout.ts';

/** The sign-in page; `trouble` is a sentence about an attempt that failed. */
export function signInPage(trouble?: string): Html {
  return layout(
    'Sign in · gespage-graph-sync',
    html`<main>
      <h1>gespage-graph-sync</h1>
      ${trouble === undefined ? '' : html`<p class="bad" role="alert">${trouble}</p>`}
      <form class="sign-in" method="post" action="/session">
        <label for="token">Admin token (the value of <code>ADMIN_TOKEN</code>)</label>
        <input id="token" name="token" type="password" required autocomplete="current-password" autofocus />
        <button>Sign in</button>
      </form>
    </main>`,
  );
}
