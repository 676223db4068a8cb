// Owns the demo's tenant: the emulator as a process of its own, its groups for printing, and its remote control.
import path from 'node:path';
import type { Change } from '../../test/emulator/mutations.ts';
import type { Verbs } from '../../test/emulator/verbs.ts';
import type { Box } from './children.ts';
import type { DemoOptions } from './options.ts';

type VerbName = keyof Verbs;

export interface Tenant {
  readonly url: string;
  readonly authorityHost: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly caPath: string;
  /** Published to Gespage; their names begin with "Print". */
  readonly printGroups: readonly string[];
  /** Not published, but nested in the first of the print groups. */
  readonly innerGroup: string;
  call<Name extends VerbName>(
    verb: Name,
    ...args: Parameters<Verbs[Name]>
  ): Promise<Awaited<ReturnType<Verbs[Name]>>>;
  /** When the notification of a change left, in ms since 1970. */
  sentAt(change: Change): Promise<number | null>;
}

type Ready = Record<
  'graphBaseUrl' | 'authorityHost' | 'tenantId' | 'clientId' | 'clientSecret' | 'caPath' | 'controlUrl',
  string
>;

const groups = 30;

/** Starts it, and makes the groups that the demo publishes. */
export async function startTenant(box: Box, { users }: DemoOptions, folder: string): Promise<Tenant> {
  const args = [
    '--users',
    `${users}`,
    '--groups',
    `${groups}`,
    '--memberships',
    `${users * 3}`,
    '--seed',
    '7',
  ];
  const child = box.start(
    'The emulated tenant',
    'test/emulator/main.ts',
    [...args, ...['--ca-path', path.join(folder, 'ca.pem'), '--control-port', '0']],
    {},
  );
  const ready = JSON.parse(await child.line()) as Ready;

  const call: Tenant['call'] = async (verb, ...given) => {
    const answer = await fetch(`${ready.controlUrl}/${verb}`, {
      method: 'POST',
      body: JSON.stringify({ args: given }),
    });
    const { result, error } = (await answer.json()) as { result?: never; error?: string };
    if (error !== undefined) throw new Error(`The emulated tenant refused "${verb}": ${error}`);
    return result as never;
  };
  const person = (index: number): Promise<string> => call('userId', index % users);
  const people = (from: number, count: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, (_, index) => person(from + index)));

  const inner = await call('createGroup', { displayName: 'Students of physics' });
  const physics = await call('createGroup', { displayName: 'Print physics' });
  const library = await call('createGroup', { displayName: 'Print library' });
  await call('changeMembers', inner.id, { add: await people(0, 8) });
  await call('changeMembers', physics.id, { add: [inner.id, ...(await people(8, 4))] });
  await call('changeMembers', library.id, { add: await people(4, 12) });

  return {
    url: ready.graphBaseUrl,
    authorityHost: ready.authorityHost,
    tenantId: ready.tenantId,
    clientId: ready.clientId,
    clientSecret: ready.clientSecret,
    caPath: ready.caPath,
    printGroups: [physics.id, library.id],
    innerGroup: inner.id,
    call,
    sentAt: (change) => call('sentAt', change.seq),
  };
}
