// Owns the thread of the LDAP target: neither large searches nor large batches keep the doors waiting.
import { workerData } from 'node:worker_threads';
import { serveTarget } from '../thread/serve-target.ts';
import { createLdapTarget, type LdapTargetOptions } from './create-ldap-target.ts';

serveTarget((log) => createLdapTarget(workerData as LdapTargetOptions, log));
