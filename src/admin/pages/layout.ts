// Owns the frame of every page: one style sheet inside the page, nothing from elsewhere, no scripts.
import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #17803d; --bad: #c0262d; --wait: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --good: #4ac26b; --bad: #ff7b72; --wait: #d29922; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem 1.25rem 3rem; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: baseline; border-bottom: 1px solid var(--line); }
header nav { display: flex; gap: 1rem; margin-left: auto; align-items: baseline; }
h1 { font-size: 1.3rem; margin: .5rem 0; }
h2 { font-size: 1.05rem; margin: 1.75rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .2rem 0; opacity: .8; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .75rem; margin: .5rem 0; }
dl div { background: var(--soft); border-radius: .4rem; padding: .5rem .75rem; }
dt { font-size: .85rem; opacity: .8; } dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; }
.good { color: var(--good); } .bad { color: var(--bad); } .wait { color: var(--wait); }
.problems { border-left: 3px solid var(--bad); padding: .1rem 0 .1rem 1rem; margin: 1rem 0; }
code { font-family: ui-monospace, monospace; font-size: .92em; }
form.sign-in { display: grid; gap: .6rem; max-width: 26rem; margin: 2rem 0; }
input, button { font: inherit; padding: .4rem .6rem; }
button { cursor: pointer; }
footer { margin-top: 2rem; opacity: .75; font-size: .85rem; }
`;

/** Whole and raw: the hash holds only while not a blank is added. */
const styleElement = raw(`<style>${style}</style>`);
const styleHash = createHash('sha256').update(style).digest('base64');

/** Headers of every page: nothing but this style sheet and forms to this door. */
export const pageHeaders = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'referrer-policy': 'same-origin',
} as const;

/** A whole page; with `refreshSeconds` it loads itself again. */
export function layout(title: string, body: Html, options: { refreshSeconds?: number } = {}): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        ${options.refreshSeconds === undefined ? '' : html`<meta http-equiv="refresh" content="${options.refreshSeconds}" />`}
        <title>${title}</title>
        ${styleElement}
      </head>
      <body>
        ${body}
      </body>
    </html>`;
}

/** The head of a page for somebody who is signed in. */
export function topBar(title: string): Html {
  return html`<header>
    <h1>${title}</h1>
    <nav aria-label="Pages">
      <a href="/">Status</a> <a href="/docs">API</a>
      <form method="post" action="/session/end"><button>Sign out</button></form>
    </nav>
  </header>`;
}
