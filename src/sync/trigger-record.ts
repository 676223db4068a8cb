// Owns what is remembered of the trigger, over restarts.
import type { StateRooms } from '../state/rooms.ts';

export interface TriggerRecord {
  /** What the targets held at the last call that was understood. */
  readonly told: string;
  /** Ms since 1970; null before the first call that was understood. */
  readonly calledAt: number | null;
  readonly status: number | null;
  readonly failingSince: number | null;
  readonly error: string | null;
}

const name = 'trigger';
const none: TriggerRecord = { told: '', calledAt: null, status: null, failingSince: null, error: null };

/** Undefined before the first call. */
export function readTriggerRecord({ meta }: Pick<StateRooms, 'meta'>): TriggerRecord | undefined {
  const text = meta.text(name);
  return text === undefined ? undefined : (JSON.parse(text) as TriggerRecord);
}

export function writeTriggerRecord(rooms: Pick<StateRooms, 'meta'>, changes: Partial<TriggerRecord>): void {
  rooms.meta.setText(name, JSON.stringify({ ...none, ...readTriggerRecord(rooms), ...changes }));
}
