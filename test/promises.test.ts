// Owns the list of what programs of this kind got wrong, and of the trouble that Graph makes: each line has a test.
//
// A test that proves a line names it in its title: `[pitfall 5]` or `[trouble 13.5]`. One test may name several.
// `npx vitest run -t '\[pitfall 5\]'` runs those of one line.
import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/** What comparable programs got wrong, or what their users asked for. */
const pitfalls: Readonly<Record<string, string>> = {
  1: 'An acknowledged notification is acted on although the process was killed before it was read',
  2: 'Whatever changes while its object is being read causes exactly one more read',
  3: 'One malformed item in a batch is noted and costs none of the others, and the answer is 202',
  4: 'A lifecycle notification with a wrong client state changes nothing',
  5: 'A 404 about somebody just created is asked again before it is believed',
  6: 'A long pause that Graph asks for, for one item too, delays work, fails nothing and survives a restart',
  7: 'A dead delta token leads to a full round, and the last good state is served until that is complete',
  8: 'A full round that breaks off removes nobody',
  9: 'Other attributes begin a new baseline, and another scope decides everybody again',
  10: 'Too many removals are held as one plan for an operator, while additions and updates go on',
  11: 'A rename, of the login too, keeps the account, since the object id is its key',
  12: 'Of two people with one login neither silently wins',
  13: 'Whoever is disabled and enabled, or deleted and restored, gets the same account back',
  14: 'Nested membership reaches every group above; the deleted keep or lose theirs as at Graph',
  15: 'SIGTERM ends the process in time and with 0, although a connection is kept open',
  16: 'Readiness stays while Graph is away, so that the proxy goes on letting notifications in',
  17: 'A failed migration ends the process and is named',
  18: 'Absent or empty secrets keep the service from starting, and none has a default',
  19: 'A subscription that vanished without a word is noticed, made again and followed by a round',
  20: 'Renewal and challenge never touch one subscription twice within ten minutes',
  21: 'A group that comes in pieces, with others in between, is put together',
  22: 'Links that repeat or never end are cut, with an alarm',
  23: 'What the application may not read is not taken for empty',
  24: 'An operator sees that notifications arrive, and when the last one did',
  25: 'The end of the credential is told weeks ahead',
  26: 'One person can be synchronised again on demand, and why somebody has no account can be asked',
  27: 'A restart amid a run loses nothing of its record and repeats nothing of its work',
  28: 'A text in a spreadsheet is data, never a formula',
  29: 'An unknown LDAP filter is refused, never answered with everybody',
  30: 'Readers of the LDAP directory see the old state or the new one, never half of one',
};

/** What Graph and the network do, as a list to be tested against. */
const troubles: Readonly<Record<string, string>> = {
  '13.1': 'Handshakes, with tokens of every kind, while the subscription is still being made',
  '13.2': 'Good, forged, foreign, lifecycle and odd items in one batch',
  '13.3': 'Member removals as text or as object, twice in one list, and members without a type',
  '13.4': 'A state database that cannot be written, and the redelivery when it can',
  '13.5': 'Ten thousand notifications at once, all acknowledged in time',
  '13.6': 'Notifications in no order and repeated long after',
  '13.7': 'A subscription that disappears without an event',
  '13.8': 'Challenges again and again while a renewal is due as well',
  '13.9':
    'A subscription that is refused in every way or whose answer is lost, and two services that start together',
  '13.10': 'A shorter life than asked for, and clocks that differ',
  '13.11': 'Empty pages, pieces, repeats, tombstones, null and absent, restored objects',
  '13.12':
    'Tokens that died, endless links, pauses and failures in mid-round, a crash between a page and its link',
  '13.13':
    'A sweep that takes exactly whom the tenant lacks, only after a complete round, and never too many',
  '13.14': 'Reads that are older than their notification',
  '13.15': 'Members deleted for now and for good, of whom the groups say nothing',
  '13.16': 'Batches in another order, throttled in part, with pages in them',
  '13.17': 'Links to hosts that are not those of the cloud',
  '13.18': 'Groups that hide their members, and objects of which only the id is shown',
};

/** Lines that no test names yet, and why. */
const notOwedYet: Readonly<Record<string, string>> = {
  '[pitfall 28]': 'there is no spreadsheet yet',
};

/** Each line by the name that titles give it. */
const lines: ReadonlyMap<string, string> = new Map([
  ...Object.entries(pitfalls).map(([number, sentence]) => [`[pitfall ${number}]`, sentence] as const),
  ...Object.entries(troubles).map(([number, sentence]) => [`[trouble ${number}]`, sentence] as const),
]);

const callers: ReadonlySet<string> = new Set(['it', 'test', 'describe']);
/** Tests that do not always run prove nothing. */
const sleepers: ReadonlySet<string> = new Set(['skip', 'todo', 'skipIf', 'runIf', 'fails']);

/** The names of a call: `it.each(table)('title')` gives `it` and `each`. */
function namesOf(callee: ts.Expression): string[] {
  if (ts.isIdentifier(callee)) return [callee.text];
  if (ts.isPropertyAccessExpression(callee)) return [...namesOf(callee.expression), callee.name.text];
  return ts.isCallExpression(callee) ? namesOf(callee.expression) : [];
}

/** The titles in a file of tests, as they are written, without those of tests that may be left out. */
function readTitles(path: string): string[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const [caller = '', ...manners] = namesOf(node.expression);
      const [title] = node.arguments;
      if (callers.has(caller) && manners.some((manner) => sleepers.has(manner))) return;
      if (callers.has(caller) && title && ts.isStringLiteralLike(title)) titles.push(title.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return titles;
}

const titles = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .flatMap((name) => readTitles(`test/${name.replaceAll('\\', '/')}`));

/** Everything in a title that is, or should have been, the name of a line. */
const named = titles.flatMap((title) => title.match(/\[\s*(pitfall|trouble)[^\]]*\]?/gi) ?? []);

describe('each line', () => {
  it('is named by the title of a test', () => {
    const missing = [...lines].filter(([line]) => !named.includes(line) && !(line in notOwedYet));
    expect(missing).toEqual([]);
  });

  it('has no test where it is not owed yet', () => {
    expect(Object.keys(notOwedYet).filter((line) => !lines.has(line))).toEqual([]);
    expect(Object.keys(notOwedYet).filter((line) => named.includes(line))).toEqual([]);
  });
});

it('no title names a line that the list does not have', () => {
  expect(named.filter((name) => !lines.has(name))).toEqual([]);
  // The titles were found at all.
  expect(titles.length).toBeGreaterThan(500);
});
