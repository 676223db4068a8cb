// Owns where a thread's file lies.

/** Compiled or not, it lies beside the file that starts it. */
export function threadFile(besides: string, name: string): URL {
  return new URL(`./${name}${besides.endsWith('.ts') ? '.ts' : '.js'}`, besides);
}
