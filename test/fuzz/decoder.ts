// Owns fuzzing one decoder: inputs from a seed, a limit of time for each, and what no input may ever do.
import fc from 'fast-check';

/** What a decoder is fuzzed with, and what it must make of it. */
export interface Definition<Input> {
  readonly name: string;
  readonly inputs: fc.Arbitrary<Input>;
  /**
   * Decodes one input and looks at the result.
   * @returns a word for what came of it, to be counted.
   * @throws where the decoder did what it must not.
   */
  readonly decode: (input: Input) => string | Promise<string>;
  /** Ends what the decoder needed. */
  readonly close?: () => void;
}

export interface Tally {
  readonly inputs: number;
  /** How often each word came. */
  readonly outcomes: Record<string, number>;
  /** Of one input, in ms of the processor. */
  readonly slowest: number;
}

export interface Decoder {
  readonly name: string;
  /** @throws with the seed, the path and the smallest input that shows it. */
  run(seed: number, inputs: number, path?: string): Promise<Tally>;
  close(): void;
}

/** No input may take more of the processor; by the clock, a busy machine could make any of them slow. */
const longestMs = 1_000;

export function defineDecoder<Input>({ name, inputs, decode, close }: Definition<Input>): Decoder {
  return {
    name,
    async run(seed, count, path) {
      const outcomes: Record<string, number> = {};
      const before = fingerprint();
      let slowest = 0;
      const property = fc.asyncProperty(inputs, async (input) => {
        const begun = process.cpuUsage();
        const outcome = await decode(input);
        const { user, system } = process.cpuUsage(begun);
        const took = (user + system) / 1_000;
        if (took > slowest) slowest = took;
        if (took > longestMs) throw new Error(`one input took ${Math.round(took)} ms`);
        if (fingerprint() !== before) throw new Error('a prototype that all objects share was changed');
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      });
      const details = await fc.check(property, { seed, numRuns: count, ...(path !== undefined && { path }) });
      if (details.failed) {
        const again = `seed ${details.seed}, path "${details.counterexamplePath ?? ''}"`;
        throw new Error(`${name}, ${again}: ${fc.defaultReportMessage(details) ?? 'it failed'}`, {
          cause: details.errorInstance,
        });
      }
      return { inputs: count, outcomes, slowest };
    },
    close: () => close?.(),
  };
}

const shared: readonly object[] = [Object.prototype, Array.prototype, Function.prototype, String.prototype];

/** How many names the prototypes have that everything inherits from. */
function fingerprint(): number {
  return shared.reduce<number>((sum, prototype) => sum + Reflect.ownKeys(prototype).length, 0);
}

/**
 * A result may hold plain values alone: nothing whose prototype came with the input.
 * @throws at the first that is not.
 */
export function expectPlain(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null || depth > 6) return;
  const prototype: unknown = Object.getPrototypeOf(value);
  const known: readonly unknown[] = [Object.prototype, Array.prototype, null, Date.prototype, Map.prototype];
  if (!known.includes(prototype) && !(value instanceof Error))
    throw new Error('a result has a prototype of its own');
  if (value instanceof Error || value instanceof Date) return;
  for (const inner of Object.values(value)) expectPlain(inner, depth + 1);
}

/** @throws unless the condition holds. */
export function must(what: string, holds: boolean): void {
  if (!holds) throw new Error(`not so: ${what}`);
}
