// Owns the proof that chains of pages end.
import { expect, it } from 'vitest';
import { createLoopGuard } from '../../src/graph/loop-guard.ts';

const limits = { links: 2, emptyPages: 3, samePages: 2, pages: 6 };
const page = (...ids: string[]) => ({ objects: ids.map((id) => ({ id, properties: {} })) });
const loop = expect.objectContaining({
  kind: 'permanent',
  code: 'link-loop',
  operation: 'users.delta',
}) as Error;

it('a link is recognised among the latest ones, and forgotten after that', () => {
  const guard = createLoopGuard('users.delta', limits);
  guard.see(page('1'), 'a');
  guard.see(page('2'), 'b');
  guard.see(page('3'), 'c');
  guard.see(page('4'), 'a');
  expect(() => guard.see(page('5'), 'c')).toThrow(loop);
});

it('the number of pages has an end', () => {
  const guard = createLoopGuard('users.delta', limits);
  for (let number = 0; number < 6; number += 1) guard.see(page(String(number)), `link ${number}`);
  expect(() => guard.see(page('x'), 'link x')).toThrow(loop);
});

it('only empty pages in a row count', () => {
  const guard = createLoopGuard('users.delta', { ...limits, pages: 100 });
  for (let number = 0; number < 3; number += 1) guard.see(page(), `empty ${number}`);
  guard.see(page('1'), 'between');
  for (let number = 3; number < 6; number += 1) guard.see(page(), `empty ${number}`);
  expect(() => guard.see(page(), 'one too many')).toThrow(loop);
});

it('only equal pages in a row count', () => {
  const guard = createLoopGuard('users.delta', { ...limits, pages: 100 });
  const ids = ['1', '1', '1', '2', '1', '1', '1'];
  ids.forEach((id, number) => guard.see(page(id, 'x'), `link ${number}`));
  expect(() => guard.see(page('1', 'x'), 'one too many')).toThrow(loop);
});
