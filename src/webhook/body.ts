// Owns taking in the body of a request: whole or not at all, within one limit for each and another for all together.
import type { Context } from 'hono';

/** A body up to this size is read and judged at one go, and is not counted. */
export const smallBody = 128 * 1024;

export interface BodyLimits {
  /** Bytes of one body. */
  readonly largest: number;
  /** Bytes of all bodies beyond the small ones that are being read or judged at the same time. */
  readonly inHand: number;
}

const usualLimits: BodyLimits = { largest: 4 * 1024 * 1024, inHand: 64 * 1024 * 1024 };

/** Why there is no body: cut off by its sender, too large, or too many large ones at once. */
export type NoBody = 400 | 413 | 503;

/** Gives the body to `take`; the room that it needs is free again once that has answered. */
export type TakeBody = (
  c: Context,
  take: (body: string) => Promise<Response>,
  refuse: (status: NoBody) => Response,
) => Promise<Response>;

export function createBodyTaker(limits: BodyLimits = usualLimits): TakeBody {
  let inHand = 0;

  return async (c, take, refuse) => {
    let reserved = 0;
    const reserve = (bytes: number): boolean => {
      if (inHand + bytes > limits.inHand) return false;
      inHand += bytes;
      reserved += bytes;
      return true;
    };
    try {
      const body = await read(c, limits.largest, reserve);
      return typeof body === 'number' ? refuse(body) : await take(body);
    } finally {
      inHand -= reserved;
    }
  };
}

async function read(
  c: Context,
  largest: number,
  reserve: (bytes: number) => boolean,
): Promise<string | NoBody> {
  const announced = c.req.header('content-length');
  try {
    if (announced === undefined || c.req.header('transfer-encoding') !== undefined)
      return await readParts(c, largest, reserve);
    const length = Number(announced);
    if (length > largest) return 413;
    if (length > smallBody && !reserve(length)) return 503;
    // This way costs much less than reading the parts.
    return await c.req.text();
  } catch {
    return 400;
  }
}

/** Of unknown length: nobody's word is taken for where it ends. */
async function readParts(
  c: Context,
  largest: number,
  reserve: (bytes: number) => boolean,
): Promise<string | NoBody> {
  const reader = (c.req.raw.body as ReadableStream<Uint8Array> | null)?.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  let isLarge = false;
  // Not cancelled when it is left early, or the answer would not get out.
  for (;;) {
    const part = await reader?.read();
    if (part === undefined || part.done)
      return Buffer.concat(parts)
        .toString('utf8')
        .replace(/^\uFEFF/, '');
    parts.push(part.value);
    size += part.value.length;
    if (size > largest) return 413;
    if (isLarge || size <= smallBody) continue;
    if (!reserve(largest)) return 503;
    isLarge = true;
  }
}
