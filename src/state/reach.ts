// Owns nesting: which groups the mapping names, and through which groups their members come to them.
import type { DirectoryGroup } from '../accounts/model.ts';
import type { State } from './database.ts';
import type { Meta } from './meta.ts';

export interface GroupRoles {
  readonly scope: (group: DirectoryGroup) => boolean;
  readonly publish: (group: DirectoryGroup) => boolean;
}

export interface Reach {
  readonly isDirty: () => boolean;
  /**
   * Works out anew which groups matter and which are nested in them (cycles end by themselves), and marks for
   * settling everybody who is a member of a group whose part in this changed.
   */
  rebuild(roles: GroupRoles, cause: string): void;
  /** Present groups of the mirror. */
  groups(): IterableIterator<DirectoryGroup>;
}

export function createReach(state: State, meta: Meta): Reach {
  const list = `SELECT id, properties ->> 'displayName' AS displayName, key FROM directory_object
                WHERE kind = 'group' AND state = 'present' ORDER BY key`;
  return {
    isDirty: () => meta.counter('reach-dirty') === 1,
    groups: () => state.sql(list).iterate() as IterableIterator<DirectoryGroup>,
    rebuild(roles, cause) {
      state.transaction(() => {
        const add = state.sql('INSERT INTO relevant_group(key, scope, publish) VALUES (?, ?, ?)');
        const found = (state.sql(list).all() as (DirectoryGroup & { key: number })[])
          .map((group) => ({ key: group.key, scope: roles.scope(group), publish: roles.publish(group) }))
          .filter((group) => group.scope || group.publish);
        const before = state.sql('SELECT key, scope, publish FROM relevant_group').all() as {
          key: number;
          scope: number;
          publish: number;
        }[];
        const roleBefore = new Map(before.map((row) => [row.key, `${row.scope}${row.publish}`]));
        state.sql('DELETE FROM relevant_group').run();
        for (const group of found) add.run(group.key, group.scope ? 1 : 0, group.publish ? 1 : 0);
        state
          .sql(
            'CREATE TEMP TABLE IF NOT EXISTS reach_before (group_key, root_key, PRIMARY KEY (group_key, root_key))',
          )
          .run();
        state.sql('DELETE FROM reach_before').run();
        state.sql('INSERT INTO reach_before SELECT group_key, root_key FROM group_reach').run();
        state.sql('DELETE FROM group_reach').run();
        state
          .sql(
            `INSERT INTO group_reach(root_key, group_key)
             WITH RECURSIVE reach(root_key, group_key) AS (
               SELECT key, key FROM relevant_group
               UNION
               SELECT reach.root_key, m.member_key FROM reach
               JOIN membership m ON m.group_key = reach.group_key AND m.nested = 1
               JOIN directory_object o ON o.key = m.member_key AND o.state = 'present')
             SELECT root_key, group_key FROM reach`,
          )
          .run();
        state
          .sql(
            `INSERT INTO unsettled(key, cause)
             SELECT DISTINCT m.member_key, ? FROM (
               SELECT group_key FROM (SELECT group_key, root_key FROM group_reach EXCEPT SELECT group_key, root_key FROM reach_before)
               UNION
               SELECT group_key FROM (SELECT group_key, root_key FROM reach_before EXCEPT SELECT group_key, root_key FROM group_reach)
             ) d JOIN membership m ON m.group_key = d.group_key AND m.nested = 0
             WHERE true ON CONFLICT(key) DO NOTHING`,
          )
          .run(cause);
        // A group that changed its role while nesting stayed: its members are looked at again too.
        const markRoot = state.sql(
          `INSERT INTO unsettled(key, cause)
           SELECT DISTINCT m.member_key, :cause FROM group_reach r JOIN membership m ON m.group_key = r.group_key AND m.nested = 0
           WHERE r.root_key = :root ON CONFLICT(key) DO NOTHING`,
        );
        for (const group of found) {
          const role = `${group.scope ? 1 : 0}${group.publish ? 1 : 0}`;
          const was = roleBefore.get(group.key);
          if (was !== undefined && was !== role) markRoot.run({ root: group.key, cause });
        }
        meta.setCounter('reach-dirty', 0);
      });
    },
  };
}
