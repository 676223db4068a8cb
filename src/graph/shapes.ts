// Owns the shapes that Graph sends, checked once at the door; what is not named here is let through unread.
import { z } from 'zod';

/** An object id in lower case. Entra's are GUIDs; what could not stand in a path is refused. */
export const objectIdSchema = z
  .string()
  .regex(/^[\w.-]{1,128}$/)
  .toLowerCase();

const linkSchema = z.string().min(1).nullish();

/** One page of a delta round. Its entries are read one by one, so that a bad one does not spoil the others. */
export const deltaEnvelopeSchema = z.looseObject({
  value: z.array(z.unknown()),
  '@odata.nextLink': linkSchema,
  '@odata.deltaLink': linkSchema,
});

/** One page of an ordinary list. */
export const listEnvelopeSchema = z.looseObject({
  value: z.array(z.unknown()),
  '@odata.nextLink': linkSchema,
});

/** The answer to a `$batch`; its items are read one by one. */
export const batchEnvelopeSchema = z.looseObject({ responses: z.array(z.unknown()) });

/** One item of a `$batch` answer. */
export const batchItemSchema = z.looseObject({
  id: z.union([z.string(), z.number()]).transform(String),
  status: z.number().int().min(100).max(599),
  headers: z.record(z.string(), z.unknown()).nullish(),
  body: z.unknown().optional(),
});

const instantSchema = z.string().transform((text, context) => {
  const date = new Date(text);
  if (!Number.isNaN(date.getTime())) return date;
  context.addIssue('not a time');
  return z.NEVER;
});

/** A subscription as Graph stores it. The client state is never given back. */
export const subscriptionSchema = z.looseObject({
  id: z.string().min(1),
  resource: z.string().min(1),
  changeType: z.string().min(1),
  notificationUrl: z.string().min(1),
  lifecycleNotificationUrl: z.string().nullish(),
  expirationDateTime: instantSchema,
  applicationId: z.string().nullish(),
});
