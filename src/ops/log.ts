// Owns the log: one narrow interface for all rooms, JSON lines or text for people, never a secret.
import { channel } from 'node:diagnostics_channel';
import { destination as openDestination, pino, stdTimeFunctions } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { cleanFields, cleanText, createSecretFilter } from './redaction.ts';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

export const logFormats = ['json', 'pretty'] as const;
export type LogFormat = (typeof logFormats)[number];

/** What a line says beside its message. An `Error` may stand under any name; `error` is usual. */
export type LogFields = Readonly<Record<string, unknown>>;

/** All that a room knows of the log. The message is a sentence; what varies goes into the fields. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds these fields to each line. */
  child(fields: LogFields): Log;
}

/** Where finished lines go, each with its line end. */
export interface LogDestination {
  write(line: string): unknown;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Standard output unless told. */
  readonly destination?: LogDestination;
  /** Values that must appear in no line, wherever they come from. */
  readonly secrets: readonly string[];
  /** Colours in the pretty format; none unless told. */
  readonly colour?: boolean;
}

/** Names that the line itself uses; a field of that name gets a `_` behind it. */
const ownNames = new Set(['level', 'time', 'msg']);

/** Makes the log. Lines are written in the same turn, so that none is lost where the process ends at once. */
export function createLog(options: LogOptions): Log {
  const { level, format, secrets } = options;
  const destination = options.destination ?? openDestination({ dest: 1, sync: true });
  const withoutSecrets = createSecretFilter(secrets);
  const render =
    format === 'pretty'
      ? prettyFactory({
          colorize: options.colour ?? false,
          translateTime: 'SYS:HH:MM:ss.l',
          ignore: 'pid,hostname',
        })
      : (line: string) => line;
  const writer = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => void destination.write(render(withoutSecrets(line))) },
  );

  const bind = (bound: LogFields): Log => {
    const write = (at: LogLevel) => (message: string, fields?: LogFields) => {
      if (!writer.isLevelEnabled(at)) return;
      writer[at](cleanFields(renameOwn({ ...bound, ...fields })), '%s', cleanText(message));
    };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (fields) => bind({ ...bound, ...fields }),
    };
  };
  return bind({});
}

function renameOwn(fields: LogFields): LogFields {
  if (!Object.keys(fields).some((name) => ownNames.has(name))) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [ownNames.has(name) ? `${name}_` : name, value]),
  );
}

/** One line as a test sees it, after redaction. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

export interface MemoryLog extends Log {
  /** Every line so far, children's too. */
  readonly lines: readonly LogLine[];
  /** The same as one text, to look for what must not be there. */
  text(): string;
  clear(): void;
}

/** Carries every line of every memory log, for whoever looks for what must stand in none. */
const keptLines = channel('gespage-sync:memory-log');

/** A log for tests: the real one with all levels on, kept in memory. */
export function createMemoryLog(secrets: readonly string[] = []): MemoryLog {
  const lines: LogLine[] = [];
  let text = '';
  const destination = {
    write(line: string) {
      const { level, msg, time: _, ...fields } = JSON.parse(line) as Record<string, unknown>;
      lines.push({ level: level as LogLevel, message: msg as string, fields });
      text += line;
      keptLines.publish(line);
    },
  };
  return {
    ...createLog({ level: 'debug', format: 'json', destination, secrets }),
    lines,
    text: () => text,
    clear() {
      lines.length = 0;
      text = '';
    },
  };
}
