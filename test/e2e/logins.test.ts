// Owns the proof that logins change hands without harm, and that of two people with one login neither silently wins.
import { beforeEach, describe, expect, it } from 'vitest';
import { type Rig, startRig } from '../helpers/service.ts';

let rig: Rig;
const person = (login: string) => ({
  displayName: login,
  mailNickname: login,
  userPrincipalName: `${login}@emulated.example`,
});
const loginOf = (id: string) => rig.target().accounts.get(id)?.login;
const issues = () =>
  rig
    .parts()
    .rooms.people.issues(100)
    .map(({ id, kind }) => `${kind} ${id}`);

beforeEach(async () => {
  rig = await startRig({ tenant: { users: 10 } });
});

describe('logins', () => {
  it('are exchanged between two people', async () => {
    const { tenant } = rig;
    const one = tenant.createUser(person('one')).id;
    const two = tenant.createUser(person('two')).id;
    await rig.atRest();
    tenant.updateUser(one, { mailNickname: 'two' });
    tenant.updateUser(two, { mailNickname: 'one' });
    await rig.atRest();
    expect([loginOf(one), loginOf(two)]).toEqual(['two', 'one']);
    expect(issues()).toEqual([]);
  });

  it('go round among twelve people', async () => {
    const { tenant } = rig;
    const ids = Array.from({ length: 12 }, (_, number) => tenant.createUser(person(`ring${number}`)).id);
    await rig.atRest();
    ids.forEach((id, number) => tenant.updateUser(id, { mailNickname: `ring${(number + 1) % 12}` }));
    await rig.atRest();
    expect(ids.map(loginOf)).toEqual(ids.map((_, number) => `ring${(number + 1) % 12}`));
    expect(issues()).toEqual([]);
  });
});

describe('a login that somebody has', () => {
  it('is not given to a new person, until its holder gives it up [pitfall 12]', async () => {
    const { tenant } = rig;
    const first = tenant.createUser(person('anna')).id;
    await rig.atRest();
    const second = tenant.createUser({ ...person('anna2'), mailNickname: 'Anna' }).id;
    await rig.atRest();
    expect([loginOf(first), loginOf(second)]).toEqual(['anna', undefined]);
    expect(issues()).toEqual([`login-collision ${second}`]);
    expect(
      rig.log.lines.some(
        ({ level, message }) => level === 'warn' && message.startsWith('Two people have one login'),
      ),
    ).toBe(true);

    tenant.updateUser(first, { mailNickname: 'anna.first' });
    await rig.atRest();
    expect([loginOf(first), loginOf(second)]).toEqual(['anna.first', 'anna']);
    expect(issues()).toEqual([]);
  });

  it('is not taken by a renamed person, who keeps the old one and everything else follows [pitfall 12]', async () => {
    const { tenant } = rig;
    const first = tenant.createUser(person('anna')).id;
    const second = tenant.createUser(person('bert')).id;
    await rig.atRest();
    tenant.updateUser(second, { mailNickname: 'anna', displayName: 'Anna the second' });
    await rig.atRest();
    expect([loginOf(first), loginOf(second)]).toEqual(['anna', 'bert']);
    expect(rig.target().accounts.get(second)?.display_name).toBe('Anna the second');

    tenant.updateUser(second, { mailNickname: 'anna.second' });
    await rig.atRest();
    expect(loginOf(second)).toBe('anna.second');
    expect(issues()).toEqual([]);
  });

  it('stays with whoever is only disabled', async () => {
    const { tenant } = rig;
    const first = tenant.createUser(person('anna')).id;
    await rig.atRest();
    tenant.updateUser(first, { accountEnabled: false });
    await rig.atRest();
    const second = tenant.createUser({ ...person('anna2'), mailNickname: 'anna' }).id;
    await rig.atRest();
    expect([loginOf(first), loginOf(second)]).toEqual(['anna', undefined]);
    tenant.updateUser(first, { accountEnabled: true });
    await rig.atRest();
    expect([loginOf(first), loginOf(second)]).toEqual(['anna', undefined]);
  });

  it('is disputed in the first sync already: one of the two has it [pitfall 12]', async () => {
    await rig.stop();
    const { tenant } = rig;
    const ids = [tenant.createUser({ ...person('same'), userPrincipalName: 'a@emulated.example' }).id];
    ids.push(tenant.createUser({ ...person('same'), userPrincipalName: 'b@emulated.example' }).id);
    await rig.start();
    await rig.atRest();
    expect(ids.map(loginOf).filter((login) => login === 'same')).toHaveLength(1);
    expect(issues()).toHaveLength(1);
  });
});
