// Owns reading a large batch item by item: no body, whatever is in it, may hold the door up for longer than a moment.
import type { BatchJudge } from './judge.ts';

/** What is longer is not parsed: an item of Graph's has a few hundred characters, rarely some thousand. */
const longestItem = 128 * 1024;
const turnMs = 5;
/** The clock is asked once for so many characters. */
const clockEvery = 8_192;

/**
 * Puts every item of a body before the judge and lets other requests have their turn in between.
 * @returns whether the body is a batch. Where the judge has seen enough, the rest is not even read.
 */
export async function judgeInTurns(text: string, judge: BatchJudge): Promise<boolean> {
  const items = splitBatch(text);
  let turnEnds = performance.now() + turnMs;
  let asked = 0;
  for (;;) {
    const { done, value } = items.next();
    if (done === true) return value;
    if (judge.isFull) return true;
    if (value.to - value.from > longestItem) judge.seeMalformed();
    else {
      const item = parse(text.slice(value.from, value.to));
      if (item === undefined) return false;
      judge.see(item.value);
    }
    if (value.to - asked < clockEvery) continue;
    asked = value.to;
    if (performance.now() < turnEnds) continue;
    await new Promise((resolve) => setImmediate(resolve));
    turnEnds = performance.now() + turnMs;
  }
}

/** Where a value stands in a text. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Gives the items of `{"value": […]}`, then whether the text was that to its end. A second `value` is refused. */
function* splitBatch(text: string): Generator<Span, boolean, undefined> {
  let at = skipSpace(text, 0);
  if (text[at] !== '{') return false;
  let found = false;
  do {
    at = skipSpace(text, at + 1);
    const nameEnds = endOfString(text, at);
    const name = parse(text.slice(at, nameEnds))?.value;
    at = skipSpace(text, nameEnds);
    if (typeof name !== 'string' || text[at] !== ':') return false;
    at = skipSpace(text, at + 1);
    const from = at;
    if (name === 'value') {
      if (found || text[at] !== '[') return false;
      found = true;
      at = yield* splitList(text, at);
    } else {
      at = endOfValue(text, at);
      if (at - from <= longestItem && parse(text.slice(from, at)) === undefined) return false;
    }
    at = skipSpace(text, at);
  } while (text[at] === ',');
  return found && text[at] === '}' && skipSpace(text, at + 1) === text.length;
}

/** @returns the place behind the list, or that of the first thing which does not belong there. */
function* splitList(text: string, start: number): Generator<Span, number, undefined> {
  let at = skipSpace(text, start + 1);
  if (text[at] === ']') return at + 1;
  for (;;) {
    const span = { from: at, to: endOfValue(text, at) };
    yield span;
    at = skipSpace(text, span.to);
    if (text[at] !== ',') return text[at] === ']' ? at + 1 : text.length;
    at = skipSpace(text, at + 1);
  }
}

// Codes, since this loop sees every character.
const quote = 34;
const comma = 44;
const backslash = 92;

function isOpener(code: number): boolean {
  return code === 123 || code === 91;
}

function isCloser(code: number): boolean {
  return code === 125 || code === 93;
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

/** The place behind the value that begins here; whether it is sound JSON is for the parser to say. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = endOfString(text, at) - 1;
      if (depth === 0) return at + 1;
    } else if (isOpener(code)) depth += 1;
    else if (isCloser(code)) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (code === comma || isSpace(code))) return at;
  }
  return text.length;
}

/** The place behind the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let at = start; ;) {
    const end = text.indexOf('"', at + 1);
    if (end === -1) return text.length;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return end + 1;
    at = end;
  }
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}
