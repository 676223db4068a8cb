// Owns the proof, in real processes, of what fake ones cannot show: signals, exit codes, standard output, timers.
import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const room = (file: string): string => JSON.stringify(new URL(`../../src/ops/${file}`, import.meta.url).href);

/** Runs a program; `onLine` is called for each line it writes to standard output. */
function run(
  code: string,
  onLine: (line: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
) {
  return new Promise<{ exitCode: number | null; output: string; errors: string }>((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '--no-warnings', '-e', code]);
    let output = '';
    let errors = '';
    let seen = 0;
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const lines = output.split('\n').slice(0, -1);
      for (const line of lines.slice(seen)) onLine(line, (signal) => child.kill(signal));
      seen = lines.length;
    });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, output, errors }));
  });
}

const service = (stop: string, more = ''): string => `
  import { createLog } from ${room('log.ts')};
  import { runUntilSignal } from ${room('shutdown.ts')};
  const log = createLog({ level: 'info', format: 'json', secrets: ['hunter22'] });
  const open = setInterval(() => {}, 1000);
  await runUntilSignal({
    start: async () => { log.info('ready', { value: 'hunter22' }); ${more} },
    stop: ${stop},
    deadlineMs: 20000,
    log,
    process,
  });`;

describe('a real process', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 on %s, all lines written', async (signal) => {
    const { exitCode, output, errors } = await run(
      service('async () => clearInterval(open)'),
      (line, kill) => {
        if (line.includes('"ready"')) kill(signal);
      },
    );
    expect(errors).toBe('');
    expect(exitCode).toBe(0);
    expect(output).toContain(`${signal} received: stopping.`);
    expect(output).toContain('"Stopped."');
    expect(output).not.toContain('hunter22');
  });

  it('ends with 130 on a second signal', async () => {
    const { exitCode } = await run(service('() => new Promise(() => {})'), (line, kill) => {
      if (line.includes('"ready"')) kill('SIGTERM');
      if (line.includes('received: stopping')) kill('SIGINT');
    });
    expect(exitCode).toBe(130);
  });

  it.each([
    ['a promise that fails unseen', `void Promise.reject(new Error('a defect'));`],
    ['an error in a timer', `setTimeout(() => { throw new Error('a defect'); });`],
  ])('stops and ends with 1 after %s', async (_, defect) => {
    const { exitCode, output } = await run(service(`async () => { log.info('in order'); }`, defect));
    expect(exitCode).toBe(1);
    expect(output).toContain('a defect');
    expect(output).toContain('in order');
  });

  it('loses no line where it ends at once, in either format', async () => {
    for (const format of ['json', 'pretty']) {
      const { output } = await run(`
        import { createLog } from ${room('log.ts')};
        const log = createLog({ level: 'info', format: '${format}', secrets: [] });
        for (let i = 1; i <= 2000; i += 1) log.info('line');
        process.exit(0);`);
      expect(output.trim().split('\n'), format).toHaveLength(2_000);
    }
  });

  it('is not kept alive by a loop that rests', async () => {
    const { exitCode, output } = await run(`
      import { createLoop } from ${room('loop.ts')};
      const step = async () => { process.stdout.write('step\\n'); return 3_600_000; };
      createLoop({ name: 'x', step, onError: () => 1, log: {}, now: () => new Date() }).start();`);
    expect(exitCode).toBe(0);
    expect(output).toBe('step\n');
  });
});
