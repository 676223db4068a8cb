// Owns what the service and a target's thread say to each other.
import type { LogFields, LogLevel } from '../../ops/log.ts';
import type { ChangeBatch, LedgerSource } from '../target.ts';

/** What the thread is asked to do. */
export type ThreadCall =
  | { readonly call: 'open' | 'position' | 'serve' | 'close' }
  | { readonly call: 'fill'; readonly source: LedgerSource; readonly at: Date }
  | { readonly call: 'apply'; readonly batch: ChangeBatch }
  | { readonly call: 'holdings'; readonly after: string; readonly limit: number };

export type ThreadRequest = ThreadCall & { readonly id: number };

/** The answer to one request, or a line for the log. */
export type ThreadMessage =
  | ({ readonly id: number } & (
      { readonly result: unknown } | { readonly error: { readonly name: string; readonly message: string } }
    ))
  | { readonly level: LogLevel; readonly text: string; readonly fields: LogFields };
