// Owns the guard of files that share a process: none may leave it other than it was.
import tls from 'node:tls';
import { afterAll, beforeAll, expect, vi } from 'vitest';

const signals = ['SIGINT', 'SIGTERM', 'unhandledRejection', 'uncaughtException'] as const;

function look() {
  return {
    environment: { ...process.env },
    folder: process.cwd(),
    trusted: tls.getCACertificates('default').length,
    listeners: signals.map((name) => process.listenerCount(name)),
    fakeTimers: vi.isFakeTimers(),
  };
}

let before: ReturnType<typeof look>;

beforeAll(() => {
  before = look();
});
afterAll(() => {
  expect(look()).toEqual(before);
});
