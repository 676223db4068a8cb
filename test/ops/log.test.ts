// Owns the proof that log lines say what they should and that no secret gets into one.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createLog,
  createMemoryLog,
  type LogFields,
  type LogFormat,
  type LogLevel,
} from '../../src/ops/log.ts';
import { secretMark } from '../../src/ops/redaction.ts';

function writeWith(
  parts: { level?: LogLevel; format?: LogFormat; secrets?: readonly string[] },
  write: (log: ReturnType<typeof createLog>) => void,
): string {
  let text = '';
  const destination = { write: (line: string) => (text += line) };
  write(createLog({ level: 'info', format: 'json', secrets: [], destination, ...parts }));
  return text;
}

function fieldsOf(fields: LogFields): LogFields {
  const log = createMemoryLog();
  log.info('x', fields);
  return log.lines[0]?.fields ?? {};
}

describe('a log line', () => {
  it('is one JSON object with time, level, message and fields', () => {
    const text = writeWith({}, (log) => log.info('It happened.', { count: 3, at: new Date(0) }));
    expect(text.endsWith('\n')).toBe(true);
    expect(JSON.parse(text)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
      msg: 'It happened.',
      count: 3,
      at: '1970-01-01T00:00:00.000Z',
    });
  });

  it.each<[LogLevel, number]>([
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
  ])('is written from level %s on', (level, lines) => {
    const text = writeWith({ level }, (log) => {
      log.debug('a');
      log.info('b');
      log.warn('c');
      log.error('d');
    });
    expect(text.trim().split('\n')).toHaveLength(lines);
  });

  it('carries the fields of its parents, of which the nearest wins', () => {
    const log = createMemoryLog();
    log.child({ room: 'sync', run: 1 }).child({ run: 2 }).info('x', { step: 3 });
    expect(log.lines[0]?.fields).toEqual({ room: 'sync', run: 2, step: 3 });
  });

  it('keeps its own names to itself', () => {
    expect(fieldsOf({ level: 'high', msg: 'm', time: 5 })).toEqual({ level_: 'high', msg_: 'm', time_: 5 });
  });

  it('does not take % in a message for a placeholder', () => {
    const log = createMemoryLog();
    log.info('5% of %s %j');
    expect(log.lines[0]?.message).toBe('5% of %s %j');
  });

  it('is text for people in the pretty format, written in the same turn', () => {
    const text = writeWith({ format: 'pretty' }, (log) =>
      log.warn('Something is odd.', { target: 'sqlite' }),
    );
    expect(text).toContain('WARN');
    expect(text).toContain('Something is odd.');
    expect(text).toContain('target: "sqlite"');
    expect(() => JSON.parse(text) as unknown).toThrow();
  });

  it('is kept in memory for tests until cleared', () => {
    const log = createMemoryLog();
    log.error('x', { a: 1 });
    expect(log.lines).toEqual([{ level: 'error', message: 'x', fields: { a: 1 } }]);
    expect(log.text()).toContain('"a":1');
    log.clear();
    expect(log.lines).toEqual([]);
    expect(log.text()).toBe('');
  });
});

describe('the shape of fields', () => {
  it('keeps of an error its name, message, stack, code, status and causes, and nothing a library hung on it', () => {
    const cause = Object.assign(new RangeError('inner'), { code: 'ECONNRESET' });
    const error = Object.assign(new Error('outer', { cause }), {
      statusCode: 503,
      body: 'whole body',
      headers: { a: 1 },
    });
    const { error: clean } = fieldsOf({ error });
    expect(clean).toMatchObject({ type: 'Error', message: 'outer', statusCode: 503 });
    expect(clean).toHaveProperty('cause.message', 'inner');
    expect(clean).toHaveProperty('cause.code', 'ECONNRESET');
    expect(clean).toHaveProperty('stack');
    expect(JSON.stringify(clean)).not.toMatch(/whole body|headers/);
  });

  it('keeps the parts of an aggregate', () => {
    const { error } = fieldsOf({ error: new AggregateError([new Error('one'), new Error('two')], 'both') });
    expect(error).toHaveProperty('errors.1.message', 'two');
  });

  it("leaves out a failed query's parameters, in message and stack", () => {
    const { error } = fieldsOf({ error: new Error('Failed query: insert\nparams: Ada,Lovelace\n,x') });
    expect(JSON.stringify(error)).toContain('Failed query: insert');
    expect(JSON.stringify(error)).not.toContain('Lovelace');
  });

  it('bears whatever it is given', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    const fields = fieldsOf({
      loop,
      big: 10n,
      none: null,
      missing: undefined,
      nan: Number.NaN,
      bytes: Buffer.from('abc'),
      map: new Map([['k', 1]]),
      set: new Set([1, 2]),
      call: () => 1,
      symbol: Symbol('s'),
      url: new URL('https://u:hunter22@host/x'),
      bad: new Date(Number.NaN),
    });
    expect(fields).toEqual({
      loop: { self: '[circular]' },
      big: '10',
      none: null,
      nan: 'NaN',
      bytes: '[3 bytes]',
      map: [['k', 1]],
      set: [1, 2],
      call: '[function]',
      symbol: 'Symbol(s)',
      url: `https://u:${secretMark}@host/x`,
      bad: 'invalid date',
    });
  });

  it('names the same object twice where it stands beside itself, not within', () => {
    const shared = { id: 1 };
    expect(fieldsOf({ a: shared, b: shared })).toEqual({ a: { id: 1 }, b: { id: 1 } });
  });

  it.each([4_000, 4_001])('cuts texts after 4,000 characters (%d)', (length) => {
    const { text } = fieldsOf({ text: 'x'.repeat(length) });
    expect(text).toBe(length === 4_000 ? 'x'.repeat(4_000) : `${'x'.repeat(4_000)}… (4001 characters)`);
  });

  it.each([100, 101])('cuts lists after 100 entries (%d)', (length) => {
    const list = fieldsOf({ list: Array.from({ length }, () => 1) })['list'] as unknown[];
    expect(list.at(-1)).toBe(length === 100 ? 1 : '… (101 items)');
  });

  it('ends where nesting gets deep', () => {
    let deep: unknown = 'bottom';
    for (let i = 0; i < 50; i += 1) deep = { deep };
    expect(JSON.stringify(fieldsOf({ deep }))).toContain('[deeper]');
  });
});

describe('secrets', () => {
  it.each([
    'authorization',
    'Authorization',
    'proxy-authorization',
    'clientState',
    'client_state',
    'token',
    'accessToken',
    'validationToken',
    'password',
    'GESPAGE_LDAP_BIND_PASSWORD',
    'clientSecret',
    'cookie',
    'set-cookie',
    'deltaLink',
    '@odata.nextLink',
    'privateKey',
    'client_assertion',
  ])('are hidden by the name %s, at any depth', (name) => {
    const log = createMemoryLog();
    log
      .child({ [name]: 'value-1' })
      .info('x', { a: { b: [{ [name]: 'value-2' }] }, c: { [name]: { d: 'value-3' } } });
    expect(log.text()).not.toMatch(/value-\d/);
    expect(log.text()).toContain(secretMark);
  });

  it('are not seen in numbers, flags and times', () => {
    const fields = { tokenExpiresInSeconds: 60, secretSet: true, tokenExpiresAt: new Date(0), token: null };
    expect(fieldsOf(fields)).toEqual({ ...fields, tokenExpiresAt: '1970-01-01T00:00:00.000Z' });
  });

  it.each([
    ['Authorization: Bearer eyJhbGciOi.J9.abc-_', /eyJ/],
    ['GET https://graph.microsoft.com/v1.0/users/delta?$deltatoken=abc123&x=1', /abc123/],
    ['GET /users/delta?%24skiptoken=abc123', /abc123/],
    ['POST /graph/notifications?validationToken=abc123', /abc123/],
    ['body client_id=1&client_secret=abc123&scope=x', /abc123/],
    ['connect postgres://sync:hunter22@db/gespage', /hunter22/],
    ['connect postgres://:hunter22@db/gespage', /hunter22/],
    ['-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----', /MIIE/],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIE and then cut', /MIIE/],
  ])('are hidden by their shape: %s', (text, secret) => {
    const log = createMemoryLog();
    log.info(text, { text, error: new Error(text) });
    expect(log.text()).not.toMatch(secret);
  });

  it('leave ordinary text alone', () => {
    const text = 'GET https://graph.microsoft.com:443/v1.0/users/1?$select=id, basic things, mailto:a@b';
    expect(fieldsOf({ text })).toEqual({ text });
  });

  it('are taken out by value wherever they stand: message, names, values, URLs, error stacks', () => {
    const secret = 'p"4ss\\w ör:d+';
    const log = createMemoryLog([secret]);
    const error = new Error(`refused ${secret}`);
    log.error(`a ${secret} b`, {
      [secret]: 1,
      value: [secret],
      form: `x=${encodeURIComponent(secret)}`,
      error,
    });
    expect(log.text()).not.toContain(JSON.stringify(secret).slice(1, -1));
    expect(log.text()).not.toContain(encodeURIComponent(secret));
    expect(log.lines[0]?.message).toBe(`a ${secretMark} b`);
  });

  it('leave the line valid JSON where they look like a part of it', () => {
    const log = createMemoryLog(['"level":"info"', '1234567']);
    log.info('x', { number: 91234567, text: '"level":"info"' });
    expect(log.lines).toEqual([
      { level: 'info', message: 'x', fields: { number: secretMark, text: secretMark } },
    ]);
  });

  it('are hidden in the pretty format too', () => {
    const text = writeWith({ format: 'pretty', secrets: ['hunter22'] }, (log) =>
      log.info('a hunter22', { b: 'hunter22' }),
    );
    expect(text).not.toContain('hunter22');
  });

  it('are hunted from six characters on', () => {
    const log = createMemoryLog(['abcdef', 'uvwxy', '']);
    log.info('abcdef uvwxy');
    expect(log.lines[0]?.message).toBe(`${secretMark} uvwxy`);
  });

  it('hide the longer one first where one holds another', () => {
    const log = createMemoryLog(['hunter22', 'postgres://sync:hunter22-more@db']);
    log.info('at postgres://sync:hunter22-more@db');
    expect(log.text()).not.toContain('more');
  });

  it('never get through, whatever they are made of', () => {
    fc.assert(
      fc.property(
        fc
          .string({ minLength: 6, maxLength: 60, unit: 'binary' })
          .filter((text) => !secretMark.includes(text)),
        fc.string(),
        (secret, around) => {
          const log = createMemoryLog([secret]);
          log.info('x', { value: `${around}${secret}${around}` });
          expect(JSON.stringify(log.lines[0]?.fields['value'])).not.toContain(
            JSON.stringify(secret).slice(1, -1),
          );
        },
      ),
    );
  });
});
