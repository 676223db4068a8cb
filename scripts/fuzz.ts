// Owns `npm run fuzz`: generated requests at the public door of a real service, generated inputs at each decoder.
//
//   npm run fuzz -- --requests 1000000 --inputs 1000000 --seed 7
//   npm run fuzz -- --only door
//   npm run fuzz -- --only "delta page" --seed 7 --from 412 --inputs 1000   (what a failure says, to see it again)
import { parseArgs } from 'node:util';
import { decoderNames } from '../test/fuzz/decoders.ts';
import { fuzzDecoder } from './fuzz/decoder.ts';
import { fuzzDoor } from './fuzz/door.ts';

const usual = '50000';

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: 'string', default: usual },
      inputs: { type: 'string', default: usual },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      from: { type: 'string', default: '0' },
      only: { type: 'string', multiple: true },
    },
  });
  const whole = (name: 'requests' | 'inputs' | 'seed' | 'from'): number => {
    const value = Number(values[name]);
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number.`);
    return value;
  };
  const known = ['door', ...decoderNames];
  const unknown = values.only?.filter((name) => !known.includes(name)) ?? [];
  if (unknown.length > 0)
    throw new Error(`There is no ${unknown.join(', ')}. There are: ${known.join(', ')}.`);
  return {
    requests: whole('requests'),
    inputs: whole('inputs'),
    seed: whole('seed'),
    from: whole('from'),
    parts: values.only ?? known,
  };
}

async function main(args: readonly string[]): Promise<number> {
  const { requests, inputs, seed, from, parts } = readOptions(args);
  console.log(`Seed ${seed}: ${requests} requests, ${inputs} inputs for each decoder.`);
  let failed = 0;
  for (const part of parts) {
    console.log(`\n${part}`);
    const problems =
      part === 'door'
        ? await fuzzDoor({ requests, seed, from, say: console.log })
        : await fuzzDecoder({ name: part, inputs, seed, from, say: console.log });
    for (const problem of problems) console.log(`  FAILED: ${problem}`);
    failed += problems.length;
  }
  console.log(failed === 0 ? '\nNothing failed.' : `\n${failed} failed.`);
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
