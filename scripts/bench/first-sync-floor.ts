// Owns the floor under the first sync: fetches and parses every page of both streams and does nothing else.
//
// The emulated tenant's address comes by the environment; prints one line of JSON {users, ms}.

function env(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

async function signIn(): Promise<string> {
  const answer = await fetch(`${env('AZURE_AUTHORITY_HOST')}/${env('AZURE_TENANT_ID')}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      client_id: env('AZURE_CLIENT_ID'),
      client_secret: env('AZURE_CLIENT_SECRET'),
      scope: `${env('GRAPH_BASE_URL')}/.default`,
      grant_type: 'client_credentials',
    }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

interface Page {
  readonly value: readonly unknown[];
  readonly '@odata.nextLink'?: string;
}

const token = await signIn();
const started = performance.now();
let users = 0;
for (const stream of ['users', 'groups']) {
  let link: string | undefined =
    `${env('GRAPH_BASE_URL')}/v1.0/${stream}/delta?$select=${env(`BENCH_${stream.toUpperCase()}_SELECT`)}`;
  while (link !== undefined) {
    const response = await fetch(link, { headers: { authorization: `Bearer ${token}` } });
    if (!response.ok) throw new Error(`the emulated tenant answered ${response.status}`);
    const page = (await response.json()) as Page;
    if (stream === 'users') users += page.value.length;
    link = page['@odata.nextLink'];
  }
}
process.stdout.write(`${JSON.stringify({ users, ms: performance.now() - started })}\n`);
