// Owns how migrations are generated from the schema of the state database.
import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'sqlite',
  schema: './src/state/schema.ts',
  out: './drizzle',
});
