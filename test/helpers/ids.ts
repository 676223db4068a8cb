// Owns the object ids of tests: the same number gives the same id.
export const id = (number: number): string =>
  `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
