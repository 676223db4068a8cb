// Owns the announcement of the credential's end: in the log once a day, from thirty days before.
import type { Log } from '../ops/log.ts';

const dayMs = 86_400_000;
/** From so many days before its end on, the certificate is something that an operator has to do with. */
export const credentialNoticeDays = 30;

/** What to say of a certificate that ends then; undefined while there is time. */
export function credentialProblem(expiresAt: Date, now: number): string | undefined {
  const days = Math.floor((expiresAt.getTime() - now) / dayMs);
  if (days >= credentialNoticeDays) return undefined;
  const date = expiresAt.toISOString().slice(0, 10);
  const when =
    days < 0
      ? `ended on ${date}: nothing can be read from Microsoft any more.`
      : `ends on ${date}, in ${days} days: then nothing can be read from Microsoft any more.`;
  return `The client certificate ${when} Make a new one, upload it to the application in Entra, and set AZURE_CLIENT_CERTIFICATE_PATH.`;
}

/** Makes the job that is called often and says it once a day. A secret's end cannot be read from here. */
export function announceCredentialEnd(expiresAt: Date | undefined, now: () => number, log: Log): () => void {
  let toldAt = -Infinity;
  return () => {
    if (expiresAt === undefined || Math.abs(now() - toldAt) < dayMs) return;
    toldAt = now();
    const problem = credentialProblem(expiresAt, now());
    if (problem !== undefined) log.warn(problem);
  };
}
