// Owns the validation handshake: an opaque token goes out url-encoded, and must come back decoded, exactly.
// https://learn.microsoft.com/graph/change-notifications-delivery-webhooks
import { errorAnswer } from './answers.ts';
import type { Answer } from './answers.ts';
import type { Poster } from './poster.ts';
import { randomGuid } from './random.ts';
import type { Random } from './random.ts';

/** One handshake as it went, for tests to look at. */
export type HandshakeRecord = { url: string; token: string; status: number | null; problem: string | null };

const encodings: Record<string, readonly string[]> = {
  ' ': ['%20', '+'],
  ':': ['%3A', '%3a'],
  '+': ['%2B', '%2b'],
  '/': ['%2F'],
  '=': ['%3D'],
};

/** Encodes a token the ways that are seen on the wire: a space as `%20` or `+`, a plus always as `%2B`. */
export function encodeToken(token: string, random: Random): string {
  return [...token]
    .map((letter) => {
      const ways = encodings[letter];
      return ways ? random.pick(ways) : encodeURIComponent(letter);
    })
    .join('');
}

function addToken(url: string, encoded: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}validationToken=${encoded}`;
}

/** Checks one endpoint; gives the refusal that the create request answers, or undefined when all is well. */
export async function shakeHands(
  url: string,
  context: { poster: Poster; random: Random; timeoutMs: number; records: HandshakeRecord[] },
): Promise<Answer | undefined> {
  const { random } = context;
  const token =
    `Validation: Testing client application reachability for subscription Request-Id: ${randomGuid(random)} ` +
    `+${random.int(0, 1e9).toString(36)}/${random.int(0, 1e9).toString(36)}+==`;
  const record: HandshakeRecord = { url, token, status: null, problem: null };
  context.records.push(record);
  const refuse = (code: string, problem: string): Answer => {
    record.problem = problem;
    return errorAnswer(400, code, problem);
  };
  try {
    const target = addToken(url, encodeToken(token, random));
    const answer = await context.poster.post(target, 'text/plain; charset=utf-8', '', context.timeoutMs);
    record.status = answer.status;
    if (answer.status !== 200) {
      return refuse(
        'ValidationError',
        'Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request.',
      );
    }
    if (!/^text\/plain\b/i.test(answer.contentType) || answer.body !== token) {
      return refuse(
        'ValidationError',
        'Subscription validation request failed. Response must exactly match validationToken query parameter.',
      );
    }
    return undefined;
  } catch (error) {
    const late = error instanceof Error && error.message.startsWith('no answer');
    return late
      ? refuse('InvalidRequest', 'Subscription validation request timed out.')
      : refuse('ValidationError', `Subscription validation request failed. ${(error as Error).message}`);
  }
}
