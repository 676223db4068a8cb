// Owns the rule which addresses are followed with a token: https, and the configured Graph host only.
import { GraphFailure } from './errors.ts';

/**
 * Checks a `nextLink`, `deltaLink` or `Location` from an answer; it is then followed to the letter.
 * @throws {GraphFailure} `permanent`, code `foreign-link`. The link itself, which holds a token, is not repeated.
 */
export function checkLink(link: string, baseUrl: string, operation: string): void {
  const parsed = URL.canParse(link) ? new URL(link) : undefined;
  const allowed = new URL(baseUrl).host;
  const sound =
    parsed?.protocol === 'https:' &&
    parsed.host === allowed &&
    parsed.username === '' &&
    parsed.password === '';
  if (sound) return;
  throw new GraphFailure({
    kind: 'permanent',
    operation,
    code: 'foreign-link',
    what: `An answer to ${operation} holds a link that does not lead to ${allowed} by https, so it was not followed.`,
    advice:
      'Check that GRAPH_CLOUD or GRAPH_BASE_URL names the cloud of the tenant; if it does, the answer was forged.',
  });
}
