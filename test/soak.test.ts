// Owns the proof that the soak tells the truth: what survived, what failed and how to play it again, and its exit code.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { run } from '../scripts/soak/histories.ts';
import { type HistoriesOptions, readOptions } from '../scripts/soak/options.ts';

function makeFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gespage-soak-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Plays with a process that does what `body` says of each history's `seed`, and gives the failures and all that is said. */
async function soakWith(body: string, args: readonly string[]): Promise<{ failures: number; said: string }> {
  const folder = makeFolder();
  const worker = path.join(folder, 'worker.mjs');
  writeFileSync(
    worker,
    `const survived = { ok: true, changes: 10, restarts: 2, crashes: 1 };
     process.on('message', ({ seed }) => { ${body} });`,
  );
  const parsed = readOptions(args);
  if (!parsed.ok) throw new Error(parsed.problem);
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  onTestFinished(() => log.mockRestore());
  const { signal } = new AbortController();
  const failures = await run(parsed.options as HistoriesOptions, folder, signal, worker);
  return { failures, said: log.mock.calls.map(([line]) => String(line)).join('\n') };
}

describe('the soak', () => {
  it('counts the histories that survive', async () => {
    const { failures, said } = await soakWith('process.send(survived)', ['--histories', '7', '--jobs', '2']);
    expect(failures).toBe(0);
    expect(said).toContain('7 histories survived, 0 failed; 70 changes, 14 restarts, 7 crashes');
  });

  it('names the seed of a failure, how to play it again and what was wrong, and goes on', async () => {
    const body = `process.send(seed % 2 ? { ok: false, problem: 'Anna is\\nnobody' } : survived)`;
    const { failures, said } = await soakWith(body, ['--histories', '4', '--jobs', '1', '--steps', '20-30']);
    expect(failures).toBe(2);
    expect(said).toMatch(/npm run soak -- --seed \d*[13579] --steps 20-30\n {2}\| Anna is\n {2}\| nobody/);
    expect(said).toMatch(/2 histories survived, 2 failed/);
    expect(said).toMatch(/2 failures: seeds \d+ \d+/);
  });

  it('takes the end of a process for a failure, and starts another', async () => {
    const body = `if (globalThis.begun) process.exit(3); globalThis.begun = true; process.send(survived)`;
    const { failures, said } = await soakWith(body, ['--seed', '5', '--histories', '4', '--jobs', '1']);
    expect(failures).toBe(2);
    expect(said).toContain('The process ended (3)');
  });

  it('plays a real history', { timeout: 60_000 }, async () => {
    const args = ['scripts/soak.ts', '--histories', '1', '--steps', '8', '--jobs', '1'];
    const soak = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    soak.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    const [code] = (await once(soak, 'close')) as [number];
    expect(said).toContain('1 history survived, 0 failed');
    expect(code).toBe(0);
  });
});

describe('the command line of the soak', () => {
  it.each([
    [['--steps', '30-20'], '--steps must go from fewer to more'],
    [['--histories', 'many'], '--histories must be a number'],
    [['--path', '3'], '--path needs --seed'],
    [['--kills', '3'], '--kills is only for --crash'],
    [['--crash', '--minutes', '3'], '--minutes is not for --crash'],
    [['--crash', '--target', 'ldap'], '--target must be sqlite, postgres, mysql'],
  ])('refuses %j', (args, problem) => {
    const parsed = readOptions(args);
    expect(parsed.ok).toBe(false);
    expect(parsed).toMatchObject({ problem: expect.stringContaining(problem) as string });
  });

  it('plays for ten minutes unless told, and a seed once', () => {
    expect(readOptions([])).toMatchObject({ options: { kind: 'histories', minutes: 10, steps: [300, 300] } });
    expect(readOptions(['--seed', '8'])).toMatchObject({ options: { seed: 8, histories: 1 } });
  });
});
