// Owns the proof that an old Node is turned away with one sentence, and no other.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { requireNode } from '../../src/ops/node-version.ts';

describe('the oldest Node', () => {
  it.each(['v22.14.0', '22.14.0', 'v22.15.1', 'v23.0.0', 'v24.21.0', 'v22.14.0-nightly', 'v100.0.0'])(
    'lets %s through',
    (version) => expect(requireNode(version)).toBeUndefined(),
  );

  it.each(['v22.13.1', 'v22.2.0', 'v20.20.2', 'v18.0.0', 'v9.11.2'])('turns %s away', (version) => {
    const sentence = requireNode(version);
    expect(sentence).toContain('needs Node 22.14 or newer');
    expect(sentence).toContain(version);
    expect(sentence).not.toContain('\n');
  });

  it('turns away what it cannot read', () => {
    expect(requireNode('')).toContain('unknown version');
    expect(requireNode('latest')).toContain('latest');
  });

  it('imports nothing, so that an old Node can load it', () => {
    const source = readFileSync(new URL('../../src/ops/node-version.ts', import.meta.url), 'utf8');
    expect(source).not.toMatch(/^import /m);
  });
});
