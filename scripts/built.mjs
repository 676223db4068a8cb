// Owns the word to whoever starts the program before it is built.
import { existsSync } from 'node:fs';

if (!existsSync(new URL('../dist/main.js', import.meta.url))) {
  console.error('The program is not built yet: run "npm run build" first, then start it again.');
  process.exitCode = 1;
}
