// Owns the parts of a fuzzing: small enough to be repeated alone, each with a seed of its own.

export const partSize = 1_000;

/** The seed of a part; neighbouring seeds of whole runs share none. */
export function seedOf(seed: number, part: number): number {
  return (Math.imul(seed, 0x9e3779b1) + Math.imul(part, 0x85ebca6b)) | 0;
}
