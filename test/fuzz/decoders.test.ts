// Owns a short fuzzing of each decoder; `npm run fuzz` does it for as long as one likes.
import { expect, it } from 'vitest';
import { decoderNames, loadDecoder } from './decoders.ts';

/** Inputs each; fewer where one takes long. */
const usual = 500;
const fewer: Readonly<Record<string, number>> = {
  'token answer': 100,
  environment: 150,
  'admin API': 200,
  session: 200,
  'mapping file': 300,
  'notification batch': 400,
};

it.each(decoderNames)('%s: gives a result or a failure of its own, whatever comes', async (name) => {
  const decoder = await loadDecoder(name);
  try {
    const inputs = fewer[name] ?? usual;
    // What fails says its seed and its path.
    const tally = await decoder.run(Date.now() | 0, inputs);
    expect(Object.values(tally.outcomes).reduce((sum, count) => sum + count)).toBe(inputs);
    expect(Object.keys(tally.outcomes).length).toBeGreaterThan(1);
  } finally {
    decoder.close();
  }
});
