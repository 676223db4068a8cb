// Owns what the demo changes in the tenant, and what each change must do to the target, exactly.
import type { Change } from '../../test/emulator/mutations.ts';
import type { DemoTarget, PersonState } from './target.ts';
import type { Tenant } from './tenant.ts';

export interface LiveChange {
  /** In plain words, such as `login renamed`. */
  readonly what: string;
  readonly who: string;
  /** Makes the change at the tenant. */
  readonly make: () => Promise<Change>;
  /** Whether the target says what the tenant says, in every column and membership concerned. */
  readonly isRight: () => boolean;
  /** The people whose rows may change. */
  readonly touches: readonly string[];
}

type Person = PersonState & { readonly id: string };

const domain = 'emulated.example';
const names = [
  'Nadia Vermeer',
  'Tom Okafor',
  'Ines Castel',
  'Jonas Lind',
  'Mira Haddad',
  'Paul Rey',
  'Lea Brandt',
];
const mostPeople = 400;

/** So many changes, every kind in turn; each is planned when the one before has arrived. */
export async function* planChanges(
  count: number,
  tenant: Tenant,
  target: DemoTarget,
): AsyncGenerator<LiveChange, void, undefined> {
  const pool = target.enabled(mostPeople);
  let next = 0;
  const find = (suits: (person: Person) => boolean): Person | undefined => {
    for (let tries = 0; tries < pool.length; tries += 1) {
      const id = pool[next++ % pool.length] ?? '';
      const state = target.person(id);
      if (state?.['enabled'] === 1 && suits({ ...state, id })) return { ...state, id };
    }
    return undefined;
  };
  const someone = (suits: (person: Person) => boolean = () => true): Person => {
    const person = find(suits);
    if (person) return person;
    throw new Error('Too few people are left for further changes: give the tenant more with --users.');
  };
  const [physics = '', library = ''] = tenant.printGroups;
  const is = (id: string, wanted: PersonState) => () => sameText(target.person(id), wanted);
  const nameOf = (person: PersonState): string =>
    `${String(person['display_name'])} (${String(person['login'])})`;
  const about = (
    what: string,
    person: Person,
    make: () => Promise<Change>,
    wanted: Partial<Record<string, unknown>>,
    who = nameOf(person),
  ): LiveChange => {
    const { id, ...state } = person;
    return { what, who, make, isRight: is(id, { ...state, ...wanted }), touches: [id] };
  };
  const together = (groups: readonly string[], other: string): string[] =>
    [...new Set([...groups, other])].sort();
  const without = (person: Person, group: string): string[] => person.groups.filter((one) => one !== group);

  /** People on whom a change must be undone by a later one. */
  let disabled: Person | undefined;
  let deleted: Person | undefined;
  /** Who came to the print group through the group nested in it. */
  const nested: string[] = [];

  const kinds: ((mark: number) => LiveChange | undefined)[] = [
    (mark) => createPerson(mark),
    (mark) => {
      const person = someone();
      const surname = `Durand-${mark}`;
      const displayName = `Alex ${surname}`;
      const patch = { displayName, givenName: 'Alex', surname, mail: `durand.${mark}@${domain}` };
      const wanted = { display_name: displayName, first_name: 'Alex', last_name: surname, email: patch.mail };
      return about('person renamed', person, () => tenant.call('updateUser', person.id, patch), wanted);
    },
    (mark) => {
      const person = someone();
      const login = `renamed${mark}`;
      const upn = `${login}@${domain}`;
      const patch = { onPremisesSamAccountName: login, mailNickname: login, userPrincipalName: upn };
      return about(
        'login renamed',
        person,
        async () => {
          // Without a mail the address would follow the principal name; given one, nothing but the login changes.
          const mail = (await tenant.call('user', person.id))?.props['mail'] ?? person['email'];
          return tenant.call('updateUser', person.id, { ...patch, mail });
        },
        { login },
        `${String(person['login'])} → ${login}`,
      );
    },
    () => {
      disabled = someone();
      const { id } = disabled;
      return about(
        'account disabled',
        disabled,
        () => tenant.call('updateUser', id, { accountEnabled: false }),
        { enabled: 0 },
      );
    },
    () => {
      if (!disabled) return undefined;
      const { id } = disabled;
      return about(
        'account enabled',
        disabled,
        () => tenant.call('updateUser', id, { accountEnabled: true }),
        {},
      );
    },
    () => {
      deleted = someone((person) => person.groups.length > 0);
      const { id } = deleted;
      return about('person deleted', deleted, () => tenant.call('softDeleteUser', id), { enabled: 0 });
    },
    () => {
      if (!deleted) return undefined;
      const { id } = deleted;
      return about('person restored', deleted, () => tenant.call('restoreUser', id), {});
    },
    () => {
      const person = someone();
      pool.splice(pool.indexOf(person.id), 1);
      return about('deleted for good', person, () => tenant.call('hardDeleteUser', person.id), {
        enabled: 0,
        groups: [],
      });
    },
    () => {
      const person = someone(({ groups }) => !groups.includes(library));
      return about('member added', person, () => tenant.call('addMember', library, person.id), {
        groups: together(person.groups, library),
      });
    },
    () => {
      const person = someone(({ groups }) => groups.includes(library));
      return about('member removed', person, () => tenant.call('removeMember', library, person.id), {
        groups: without(person, library),
      });
    },
    () => {
      const person = find(({ groups }) => !groups.includes(physics));
      if (person) {
        nested.push(person.id);
        return about(
          'nested group changed',
          person,
          () => tenant.call('addMember', tenant.innerGroup, person.id),
          {
            groups: together(person.groups, physics),
          },
        );
      }
      const leaver = someone(({ id }) => nested.includes(id));
      nested.splice(nested.indexOf(leaver.id), 1);
      return about(
        'nested group changed',
        leaver,
        () => tenant.call('removeMember', tenant.innerGroup, leaver.id),
        {
          groups: without(leaver, physics),
        },
      );
    },
    (mark) => {
      const name = `Print library ${mark}`;
      return {
        what: 'group renamed',
        who: `${target.groupName(library) ?? ''} → ${name}`,
        make: () => tenant.call('updateGroup', library, { displayName: name }),
        isRight: () => target.groupName(library) === name,
        touches: [],
      };
    },
  ];

  function createPerson(mark: number): LiveChange {
    const displayName = `${names[mark % names.length] ?? ''} ${mark}`;
    const [firstName = '', ...rest] = displayName.split(' ');
    const login = `${firstName.toLowerCase()}${mark}`;
    const mail = `${login}@${domain}`;
    let id = '';
    const wanted = {
      login,
      display_name: displayName,
      first_name: firstName,
      last_name: rest.join(' '),
      email: mail,
      department: 'Library',
      ...{
        activity: null,
        print_code: null,
        card_number: null,
        home_directory: null,
        enabled: 1,
        groups: [],
      },
    };
    const touches: string[] = [];
    return {
      what: 'person created',
      who: `${displayName} (${login})`,
      async make() {
        const change = await tenant.call('createUser', {
          ...{ displayName, mail, mailNickname: login, userPrincipalName: mail, department: 'Library' },
          ...{ givenName: firstName, surname: rest.join(' ') },
        });
        id = change.id;
        touches.push(id);
        pool.push(id);
        return change;
      },
      isRight: () => id !== '' && is(id, { external_id: id, ...wanted })(),
      touches,
    };
  }

  for (let made = 0, turn = 0; made < count; turn += 1) {
    const change = kinds[turn % kinds.length]?.(made + 1);
    if (change === undefined) continue;
    made += 1;
    yield await Promise.resolve(change);
  }
}

function sameText(found: PersonState | null, wanted: PersonState): boolean {
  if (found === null) return false;
  const names = new Set([...Object.keys(found), ...Object.keys(wanted)]);
  return [...names].every((name) => JSON.stringify(found[name]) === JSON.stringify(wanted[name]));
}
