// Owns the answer of a parser: a value, or what is wrong in words that follow the variable's name.

/** `problem` reads on from the variable's name: "must be …; write …". It never holds a secret. */
export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

export function accept<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function refuse(problem: string): { readonly ok: false; readonly problem: string } {
  return { ok: false, problem };
}
