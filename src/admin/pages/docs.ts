// Owns the page that describes the API, made from the routes themselves.
import { html } from 'hono/html';
import { parametersOf } from '../openapi.ts';
import type { Route } from '../route.ts';
import { type Html, layout, topBar } from './layout.ts';

export function docsPage(routes: readonly Route[]): Html {
  return layout(
    'API · gespage-graph-sync',
    html`${topBar('API')}
      <main>
        <p>
          Send <code>Authorization: Bearer ADMIN_TOKEN</code>. Errors are
          <code>application/problem+json</code>. The same as <a href="/openapi.json">OpenAPI document</a>.
          Without a token answer only <code>GET /healthz</code> and <code>GET /readyz</code>.
        </p>
        ${routes.map(describe)}
      </main>`,
  );
}

function describe(route: Route): Html {
  const parameters = [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')];
  const body = parametersOf(route.body, 'query');
  return html`<section>
    <h2><code>${route.method.toUpperCase()} ${route.path.replace(/:(\w+)/g, '{$1}')}</code></h2>
    <p>${route.summary}.</p>
    ${table('Parameters', parameters)} ${table('JSON body, all of it optional', body)}
    <p>
      ${Object.entries(route.answers).map(([status, meaning]) => html`<strong>${status}</strong> ${meaning}. `)}
    </p>
  </section>`;
}

function table(caption: string, rows: readonly { name: string; in: string; description: string }[]): Html {
  if (rows.length === 0) return html``;
  return html`<table>
    <caption>
      ${caption}
    </caption>
    <tbody>
      ${rows.map(
        (row) =>
          html`<tr>
            <th scope="row"><code>${row.name}</code></th>
            <td>${row.description}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}
