// Owns telling whoever listens of each secret that the tenant hands out or is given, so that tests can look for leaks.
import { channel } from 'node:diagnostics_channel';

const told = channel('emulated-tenant:secret');

export function tellSecret(what: string, secret: string): void {
  if (told.hasSubscribers) told.publish({ what, secret });
}
