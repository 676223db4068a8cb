// Owns a process that takes the lease of a state database, says so, and holds it until it is killed.
import { takeLease } from '../../src/state/lease.ts';

const lease = takeLease(process.argv[2] ?? '');
process.send?.(lease ? 'taken' : 'refused');
if (lease) setInterval(() => undefined, 60_000);
