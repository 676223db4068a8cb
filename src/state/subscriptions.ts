// Owns what we know of our subscriptions at Graph, above all their client states.
import { eq, isNotNull } from './drizzle.ts';
import type { State } from './database.ts';
import { subscription } from './schema.ts';

export type SubscriptionRow = typeof subscription.$inferSelect;

export interface Subscriptions {
  list(): SubscriptionRow[];
  get(id: string): SubscriptionRow | undefined;
  save(row: SubscriptionRow): void;
  touch(id: string, values: Partial<Omit<SubscriptionRow, 'id'>>): void;
  remove(id: string): void;
  anyChallenged(): boolean;
}

export function createSubscriptions(state: State): Subscriptions {
  const find = state.sql(
    `SELECT id, resource, client_state AS clientState, notification_url AS notificationUrl, expires_at AS expiresAt,
            created_at AS createdAt, touched_at AS touchedAt, challenged_at AS challengedAt, lost_at AS lostAt
     FROM subscription WHERE id = ?`,
  );
  return {
    list: () => state.db.select().from(subscription).all(),
    get: (id) => find.get(id) as SubscriptionRow | undefined,
    save(row) {
      state.db
        .insert(subscription)
        .values(row)
        .onConflictDoUpdate({ target: subscription.id, set: row })
        .run();
    },
    touch(id, values) {
      state.db.update(subscription).set(values).where(eq(subscription.id, id)).run();
    },
    remove(id) {
      state.db.delete(subscription).where(eq(subscription.id, id)).run();
    },
    anyChallenged: () =>
      state.db
        .select({ id: subscription.id })
        .from(subscription)
        .where(isNotNull(subscription.challengedAt))
        .get() !== undefined,
  };
}
