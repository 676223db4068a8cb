// Owns the command line: words to verb, the verb's end to text or JSON and an exit code.
import { parseArgs } from 'node:util';
import { CommandFailure, type ExitCode, type Io, type Surroundings } from './io.ts';
import { alignColumns } from './table.ts';
import { type Verb, verbs } from './verbs.ts';

/** Runs one command. The result is the exit code: 0 done, 1 failed, 2 wrong usage or configuration, 3 held. */
export async function runCommand(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  // Read by hand, so that a wrong usage is answered as JSON too.
  const json = args.includes('--json');
  try {
    return await runVerb(args, surroundings);
  } catch (error) {
    report(error, json, surroundings);
    return error instanceof CommandFailure ? error.code : 1;
  }
}

async function runVerb(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { values, positionals } = parse(args);
  const [name, ...words] = positionals;
  if (values.help) {
    surroundings.out(help(name));
    return 0;
  }
  if (name === undefined) throw wrongUsage('No verb was given.');
  const verb = verbs.find((one) => one.name === name);
  if (verb === undefined) throw wrongUsage(`There is no verb "${name}".`);
  checkUsage(verb, words, values);
  const io = makeIo(values, surroundings);
  const outcome = await verb.run({ words, dryRun: values['dry-run'], user: values.user, by: values.by }, io);
  // The service has set its own exit code.
  if (outcome === undefined) return (process.exitCode ?? 0) as ExitCode;
  surroundings.out(io.json ? `${JSON.stringify(outcome.data, null, 2)}\n` : `${outcome.text}\n`);
  return outcome.code;
}

interface Values {
  readonly json: boolean;
  readonly help: boolean;
  readonly verbose: boolean;
  readonly 'dry-run': boolean;
  readonly user: string | undefined;
  readonly by: string | undefined;
}

function parse(args: readonly string[]): { values: Values; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        verbose: { type: 'boolean', short: 'v', default: false },
        'dry-run': { type: 'boolean', default: false },
        user: { type: 'string' },
        by: { type: 'string' },
      },
    });
    return { values: { ...values, user: values.user, by: values.by }, positionals };
  } catch (error) {
    const message = error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error);
    throw wrongUsage(`${message}.`);
  }
}

function checkUsage(verb: Verb, words: readonly string[], values: Values): void {
  const [least, most] = verb.words;
  const usage = `Write: gespage-sync ${verb.name}${verb.takes === '' ? '' : ` ${verb.takes}`}`;
  if (words.length < least) throw new CommandFailure(2, `"${verb.name}" lacks a word.`, usage);
  if (words.length > most)
    throw new CommandFailure(2, `"${verb.name}" does not take "${words[most] ?? ''}".`, usage);
  for (const option of ['dry-run', 'user', 'by'] as const) {
    const isGiven = option === 'dry-run' ? values[option] : values[option] !== undefined;
    if (isGiven && !verb.options.includes(option)) {
      throw new CommandFailure(2, `"${verb.name}" does not take --${option}.`, usage);
    }
  }
}

function makeIo(values: Values, surroundings: Surroundings): Io {
  const interrupt = new AbortController();
  surroundings.onInterrupt(() => interrupt.abort());
  return {
    ...surroundings,
    json: values.json,
    verbose: values.verbose,
    signal: interrupt.signal,
    progress: (text) => void (values.json || surroundings.err(`${text}\n`)),
  };
}

function report(error: unknown, json: boolean, { out, err }: Surroundings): void {
  const what =
    error instanceof CommandFailure ? error.what : error instanceof Error ? error.message : String(error);
  const advice = error instanceof CommandFailure ? error.advice : [];
  if (json) out(`${JSON.stringify({ error: what, advice }, null, 2)}\n`);
  else err(`gespage-sync: ${what}\n${advice.map((line) => `  - ${line}\n`).join('')}`);
}

function wrongUsage(what: string): CommandFailure {
  return new CommandFailure(2, what, 'Run "gespage-sync --help" for the verbs.');
}

function help(name: string | undefined): string {
  const verb = verbs.find((one) => one.name === name);
  if (verb !== undefined) return `gespage-sync ${verb.name} ${verb.takes}\n  ${verb.does}\n`;
  const rows = verbs.map((one) => [`  ${one.name} ${one.takes}`.trimEnd(), one.does]);
  return [
    'gespage-sync VERB: keeps the accounts that Gespage reads equal to an Entra ID tenant.',
    '',
    alignColumns(rows),
    '',
    'Every verb takes --json (one JSON document on standard output) and --verbose (the log on standard error).',
    'Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 held for approval.',
    'The configuration comes from the environment; the README explains every variable.',
    '',
  ].join('\n');
}
