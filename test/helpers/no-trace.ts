// Owns the guard of files that share a process: none may leave it other than it was. The authority of emulated servers
// is one for the whole process, and stays trusted.
import tls from 'node:tls';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { listTrusted } from '../emulator/certificates.ts';

const signals = ['SIGINT', 'SIGTERM', 'unhandledRejection', 'uncaughtException'] as const;

function look() {
  return {
    environment: { ...process.env },
    folder: process.cwd(),
    listeners: signals.map((name) => process.listenerCount(name)),
    fakeTimers: vi.isFakeTimers(),
  };
}

/** Without white space: Node wraps the lines of an authority anew once it is set. */
const bare = (pem: string): string => pem.replace(/\s/g, '');
const readAuthorities = (): string[] => tls.getCACertificates('default').map(bare);

let before: ReturnType<typeof look>;
let trusted: Set<string>;

beforeAll(() => {
  before = look();
  trusted = new Set(readAuthorities());
});
afterAll(() => {
  expect(look()).toEqual(before);
  for (const pem of listTrusted()) trusted.add(bare(pem));
  expect(readAuthorities().filter((pem) => !trusted.has(pem))).toEqual([]);
});
