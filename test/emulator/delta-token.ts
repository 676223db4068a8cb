// Owns delta and skip tokens: opaque, tamper-evident, ageing, and revocable for a whole stream.
import { createHmac } from 'node:crypto';
import { badRequest, errorAnswer } from './answers.ts';
import type { Answer } from './answers.ts';
import type { Random } from './random.ts';
import { tellSecret } from './secrets.ts';

export type Stream = 'users' | 'groups';

/** Everything a round needs to go on; nothing about it is kept in the server. */
export type DeltaToken = {
  stream: Stream;
  /** `skip` continues a round, `delta` starts the next one. */
  use: 'skip' | 'delta';
  select: readonly string[] | null;
  /** Object ids of a `$filter`, or null for all. */
  ids: readonly string[] | null;
  /** The round shows changes after `from` (-1: everything that exists) up to `to`. */
  from: number;
  to: number;
  /** Objects of this kind when the round began. */
  size: number;
  position: number;
  page: number;
  salt: number;
  issued: number;
  epoch: number;
};

/** How a stale token is refused. Texts and letter cases vary because real answers do. */
export type ResetStyle =
  | 'gone-location'
  | 'gone-location-bare'
  | 'gone'
  | 'gone-upper'
  | 'not-found'
  | 'bad-request-nested'
  | 'bad-request-nested-lower';

export const resetStyles: readonly ResetStyle[] = [
  'gone-location',
  'gone-location-bare',
  'gone',
  'gone-upper',
  'not-found',
  'bad-request-nested',
  'bad-request-nested-lower',
];

export type TokenCodec = {
  write(token: DeltaToken): string;
  /** The token, or the answer that refuses it. */
  read(text: string, stream: Stream): DeltaToken | Answer;
  /** Makes every token issued so far for the stream invalid. Without a style each refusal picks one. */
  expire(stream: Stream, style?: ResetStyle): void;
  epoch(stream: Stream): number;
};

/** Makes the codec. `lifeMs` is how long a delta token lasts (7 days for directory objects). */
export function createTokenCodec(options: {
  random: Random;
  now: () => number;
  lifeMs: () => number;
  /** Where `Location` points. */
  origin: () => string;
}): TokenCodec {
  const key = `${options.random.next()}`;
  const epochs: Record<Stream, number> = { users: 0, groups: 0 };
  const styles: Record<Stream, ResetStyle | undefined> = { users: undefined, groups: undefined };
  const sign = (text: string): string =>
    createHmac('sha1', key).update(text).digest('base64url').slice(0, 16);

  const refuse = (token: DeltaToken, style: ResetStyle): Answer => {
    const message = 'The sync state generation is not found; continue with a full synchronization.';
    const initial = `${options.origin()}/v1.0/${token.stream}/delta?`;
    const select = token.select ? `$select=${token.select.join(',')}&` : '';
    switch (style) {
      case 'gone-location':
        return errorAnswer(410, 'syncStateNotFound', message, {
          headers: { location: `${initial}${select}$deltatoken=` },
        });
      case 'gone-location-bare':
        return errorAnswer(410, 'resyncRequired', message, {
          headers: { location: `${initial}$deltatoken=` },
          inner: { code: 'SyncStateNotFound' },
        });
      case 'gone':
        return errorAnswer(410, 'syncStateNotFound', message);
      case 'gone-upper':
        return errorAnswer(410, 'SyncStateNotFound', message);
      case 'not-found':
        return errorAnswer(404, 'SYNCSTATENOTFOUND', message);
      case 'bad-request-nested':
        return errorAnswer(400, 'badRequest', message, { inner: { code: 'syncStateNotFound' } });
      case 'bad-request-nested-lower':
        return errorAnswer(400, 'BadRequest', message, {
          innerName: 'innererror',
          inner: { code: 'invalidRequest', innererror: { code: 'SyncStatenotfound' } },
        });
    }
  };

  return {
    write: (token) => {
      const text = Buffer.from(JSON.stringify(token)).toString('base64url');
      const signed = `${text}.${sign(text)}`;
      tellSecret('the token of a delta or next link', signed);
      return signed;
    },
    read: (text, stream) => {
      const [payload = '', signature = ''] = text.split('.');
      if (sign(payload) !== signature) return badRequest('Badly formed token.', 'Directory_BadToken');
      const token = JSON.parse(Buffer.from(payload, 'base64url').toString()) as DeltaToken;
      if (token.stream !== stream) return badRequest('The token belongs to another resource.');
      const stale = options.now() - token.issued > options.lifeMs();
      if (!stale && token.epoch === epochs[stream]) return token;
      return refuse(token, styles[stream] ?? options.random.pick(resetStyles));
    },
    expire: (stream, style) => {
      epochs[stream] += 1;
      styles[stream] = style;
    },
    epoch: (stream) => epochs[stream],
  };
}
