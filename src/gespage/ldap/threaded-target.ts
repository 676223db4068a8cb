// Owns the LDAP target in a thread of its own, which comes back by itself when it was lost: readers are to be answered
// also while there is nothing to write.
import { threadFile } from '../../ops/thread-file.ts';
import type { Log } from '../../ops/log.ts';
import type { Target } from '../target.ts';
import { createTargetThread } from '../thread/target-thread.ts';
import type { LdapTargetOptions } from './create-ldap-target.ts';

/** Room for some searches at a time; what is on its way to clients lies outside of the heap. */
const resourceLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 };
const returnAfterMs = 1_000;

/** The same target as `createLdapTarget`, at work in a thread. */
export function createThreadedLdapTarget(options: LdapTargetOptions, log: Log): Target {
  let isServing = false;
  let comingBack: NodeJS.Timeout | undefined;

  const thread = createTargetThread({
    name: 'ldap',
    file: threadFile(import.meta.url, 'target-thread'),
    data: options,
    resourceLimits,
    log,
    onLost() {
      log.error('The thread of the LDAP directory ended by itself; it is started again', { target: 'ldap' });
      comeBackLater();
    },
  });

  function comeBackLater(): void {
    if (!isServing || comingBack) return;
    comingBack = setTimeout(() => {
      comingBack = undefined;
      thread.ask({ call: 'serve' }).catch((error: unknown) => {
        log.error('The LDAP directory cannot be read again yet', { target: 'ldap', error });
        comeBackLater();
      });
    }, returnAfterMs).unref();
  }

  return {
    ...thread,
    async serve() {
      await thread.ask({ call: 'serve' });
      isServing = true;
    },
    async close() {
      isServing = false;
      clearTimeout(comingBack);
      comingBack = undefined;
      await thread.close();
    },
  };
}
