// Owns the proof that the mapping file means what the contract says, and that mistakes are explained.
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  defaultMapping,
  mappingSchema,
  parseMapping,
  selectedProperties,
} from '../../src/accounts/mapping.ts';
import { columnsOf } from '../../src/accounts/file-format.ts';
import { findOnce, findOwned } from '../../src/accounts/field-rules.ts';
import type { FieldName } from '../../src/accounts/model.ts';
import { commonProperties, findNameProblem, propertyNamePattern } from '../../src/accounts/property-names.ts';
import { findStaleFiles } from '../../scripts/generate.ts';
import { makeMapping } from './people.ts';

const contractDefaults = {
  scope: { groups: [], includeGuests: false, exclude: [] },
  login: { from: ['onPremisesSamAccountName', 'mailNickname', 'userPrincipalName.prefix'], case: 'lower' },
  fields: {
    email: ['mail', 'userPrincipalName'],
    firstName: ['givenName'],
    lastName: ['surname'],
    displayName: ['displayName'],
    department: ['department'],
    activity: [],
    cardNumber: [],
    printCode: [],
    homeDirectory: [],
  },
  groups: { publish: [], never: [], nested: true },
  ldap: { departments: false },
  file: { delimiter: ';', encoding: 'utf-8', bom: true, enabled: ['1', '0'], includeDisabled: true },
};

const appId = '0123456789abcdef0123456789ABCDEF';

function problemsOf(content: unknown): string[] {
  const result = parseMapping(JSON.stringify(content));
  return result.ok ? [] : result.problems;
}

describe('the mapping file', () => {
  it('has the defaults of the contract where it says nothing', () => {
    expect(parseMapping('{}')).toEqual({ ok: true, mapping: contractDefaults });
    expect(defaultMapping()).toEqual(contractDefaults);
  });

  it('keeps the defaults of a section beside what the section says', () => {
    const result = parseMapping('{"fields":{"department":["companyName"]},"login":{"case":"preserve"}}');
    expect(result).toEqual({
      ok: true,
      mapping: {
        ...contractDefaults,
        login: { ...contractDefaults.login, case: 'preserve' },
        fields: { ...contractDefaults.fields, department: ['companyName'] },
      },
    });
  });

  it('gives each reader its own defaults, so that nobody can change those of another', () => {
    defaultMapping().scope.groups.push('Staff');
    expect(defaultMapping().scope.groups).toEqual([]);
  });

  it('may start with a byte order mark and name its schema', () => {
    expect(parseMapping('\uFEFF{"$schema":"./mapping.schema.json"}')).toEqual({
      ok: true,
      mapping: contractDefaults,
    });
  });

  it('is shown by the example, which holds exactly the defaults', async () => {
    const text = await readFile(new URL('../../mapping.example.json', import.meta.url), 'utf8');
    expect(parseMapping(text)).toEqual({ ok: true, mapping: contractDefaults });
    expect(JSON.parse(text)).toEqual({ $schema: './mapping.schema.json', ...contractDefaults });
  });

  it('has a JSON Schema in the repository that is made from the code', async () => {
    expect(await findStaleFiles()).toEqual([]);
  });
});

describe('a field', () => {
  it('says whether it is written always or once; a list means always', () => {
    const mapping = makeMapping({
      fields: {
        printCode: { from: ['employeeId'], write: 'once' },
        activity: { from: ['city'], write: 'always' },
      },
    });
    expect(findOnce(mapping.fields)).toEqual(['printCode']);
    expect(findOwned(mapping.fields).toSorted()).toEqual(['cardNumber', 'homeDirectory']);
    expect(selectedProperties(mapping)).toEqual(expect.arrayContaining(['employeeId', 'city']));
    expect(parseMapping('{"fields":{"email":{"from":["mail"]}}}')).toMatchObject({
      mapping: { fields: { email: { from: ['mail'], write: 'always' } } },
    });
  });

  it.each([
    [
      { email: 'mail' },
      'fields.email must be a list in [ ], or { "from": [ ], "write": "once" }, but is the text "mail"',
    ],
    [{ email: ['Mail'] }, 'fields.email[0]: "Mail" is written "mail" at Microsoft Graph; write it so'],
    [{ email: [7] }, 'fields.email[0] must be text in quotation marks, but is 7'],
    [{ email: { from: 'mail' } }, 'fields.email.from must be a list in [ ], but is the text "mail"'],
    [
      { email: { from: [] } },
      'fields.email.from is empty; write [] in place of the whole { } for a field that Gespage owns',
    ],
    [
      { email: { from: ['Mail'] } },
      'fields.email.from[0]: "Mail" is written "mail" at Microsoft Graph; write it so',
    ],
    [
      { email: { from: ['mail'], write: 'never' } },
      'fields.email.write must be "always" or "once", but is the text "never"',
    ],
    [
      { email: { from: ['mail'], when: 'once' } },
      'fields.email.when is not known; remove it or correct its spelling',
    ],
  ])('that is wrong is explained: %j', (fields, problem) => {
    expect(problemsOf({ fields })).toEqual([problem]);
  });
});

describe('the look of the file', () => {
  const columnsIn = (file: object, owned: FieldName[] = []) =>
    columnsOf(makeMapping({ file }).file, owned).map(({ header }) => header);

  it('has the columns of the view, without those of fields that Gespage owns', () => {
    expect(columnsIn({}, ['printCode', 'cardNumber'])).toEqual(
      'login last_name first_name display_name email department activity home_directory enabled group_names external_id'.split(
        ' ',
      ),
    );
  });

  it('has the columns that are named, in their order', () => {
    const text = '{"file":{"columns":{"groups":"Groupes","login":"Identifiant","lastName":"Nom"}}}';
    const result = parseMapping(text);
    expect(result.ok && columnsOf(result.mapping.file, [])).toEqual([
      { name: 'groups', header: 'Groupes' },
      { name: 'login', header: 'Identifiant' },
      { name: 'lastName', header: 'Nom' },
    ]);
  });

  it.each([
    [
      { columns: { email: 'Mail' } },
      'file.columns has no login, so nobody could be told apart; add "login" with the header that it is to have',
    ],
    [
      { columns: { login: 'A', email: ' a' } },
      'file.columns.email has the same header as login; give each column a header of its own',
    ],
    [
      { columns: { login: 'A', email: '' } },
      'file.columns.email is empty or holds a line end; write a short text',
    ],
    [
      { columns: { login: 'A', mail: 'B' } },
      'file.columns.mail is not known; remove it or correct its spelling',
    ],
    [
      { columns: { login: 'A', printCode: 'Code' } },
      'file.columns.printCode is the column of a field that Gespage owns, so it would always be empty; leave it out, or name properties under fields.printCode',
    ],
    [{ delimiter: ';;' }, 'file.delimiter must be ";" or "," or "\\t" or "|", but is the text ";;"'],
    [{ encoding: 'latin1' }, 'file.encoding must be "utf-8" or "windows-1252", but is the text "latin1"'],
    [
      { enabled: ['1', '1'] },
      'file.enabled has the same word twice; write one for enabled and one for disabled',
    ],
    [{ bom: 'yes' }, 'file.bom must be true or false, but is the text "yes"'],
    [{ seperator: ';' }, 'file.seperator is not known; remove it or correct its spelling'],
  ])('that is wrong is explained: %j', (file, problem) => {
    expect(problemsOf({ file })).toEqual([problem]);
  });

  it.each([
    [['1'], 'file.enabled has too few texts; it takes 2'],
    [['1', '0', '2'], 'file.enabled has too many texts; it takes 2'],
  ])('needs two words for enabled, not %j', (enabled, problem) => {
    expect(problemsOf({ file: { enabled } })).toEqual([problem]);
  });
});

describe('a wrong mapping file', () => {
  it('that is not JSON is refused with the place', () => {
    const result = parseMapping('{"scope": }');
    expect(result).toMatchObject({ ok: false });
    expect(result.ok ? [] : result.problems[0]).toMatch(/is not JSON \(.+\); correct it/);
  });

  it.each([[[]], [null], ['text'], [7]])('that holds %j instead of an object is refused', (content) => {
    expect(problemsOf(content)).toEqual([expect.stringContaining('the mapping file must be an object')]);
  });

  it('is refused for unknown keys, each by its place', () => {
    expect(
      problemsOf({ scop: {}, fields: { mial: [], phone: [] }, groups: { nested: true, publsh: [] } }),
    ).toEqual(
      expect.arrayContaining([
        'scop is not known; remove it or correct its spelling',
        'fields.mial is not known; remove it or correct its spelling',
        'fields.phone is not known; remove it or correct its spelling',
        'groups.publsh is not known; remove it or correct its spelling',
      ]),
    );
  });

  it('is refused for wrong types, in words without jargon', () => {
    const problems = problemsOf({
      scope: { groups: 'Staff', includeGuests: 'no', exclude: [7] },
      login: { from: null, case: 'upper' },
      fields: [],
    });
    expect(problems).toEqual([
      'scope.groups must be a list in [ ], but is the text "Staff"',
      'scope.includeGuests must be true or false, but is the text "no"',
      'scope.exclude[0] must be text in quotation marks, but is 7',
      'login.from must be a list in [ ], but is null',
      'login.case must be "lower" or "preserve", but is the text "upper"',
      'fields must be an object in { }, but is a list',
    ]);
  });

  it('is refused when no property makes the login', () => {
    expect(problemsOf({ login: { from: [] } })).toEqual([
      'login.from is empty, so nobody could get an account; name at least one property',
    ]);
  });

  it('is refused for an empty group pattern', () => {
    expect(problemsOf({ scope: { groups: [' '] }, groups: { publish: [''] } })).toEqual([
      'scope.groups[0] is empty; write an object id, a display name or a pattern with *',
      'groups.publish[0] is empty; write an object id, a display name or a pattern with *',
    ]);
  });

  it('is refused when an excluded user is named by something that can never match', () => {
    expect(problemsOf({ scope: { exclude: ['Anna Berg'] } })[0]).toMatch(
      /^scope\.exclude\[0\]: "Anna Berg" is neither a user's object id nor a user principal name/,
    );
    expect(
      problemsOf({
        scope: { exclude: ['anna@contoso.com', 'svc-*', 'AAAAAAAA-0000-4000-8000-000000000001'] },
      }),
    ).toEqual([]);
  });

  it('is reported whole: all problems at once', () => {
    expect(problemsOf({ a: 1, login: { from: ['skills'], case: 1 }, groups: { nested: 0 } })).toHaveLength(4);
  });

  it('never throws, whatever the text is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const result = parseMapping(text);
        return result.ok || result.problems.length > 0;
      }),
    );
  });
});

describe('a property name', () => {
  it.each([
    'mail',
    'employeeId',
    'businessPhones',
    'userPrincipalName.prefix',
    'onPremisesExtensionAttributes.extensionAttribute1',
    'onPremisesExtensionAttributes.extensionAttribute15',
    'employeeOrgData.costCenter',
    'employeeOrgData.division',
    `extension_${appId}_cardNumber`,
    `extension_${appId}_card_number_2`,
    'someFutureProperty',
  ])('%s is accepted', (name) => {
    expect(findNameProblem(name)).toBeNull();
  });

  it.each([
    'aboutMe',
    'birthday',
    'hireDate',
    'interests',
    'mySite',
    'pastProjects',
    'preferredName',
    'responsibilities',
    'schools',
    'skills',
    'mailboxSettings',
    'signInActivity',
    'licenseAssignmentStates',
  ])('%s is refused, since Graph reports no changes of it', (name) => {
    expect(findNameProblem(name)).toContain('does not report changes of it');
    expect(problemsOf({ fields: { activity: [name] } })[0]).toMatch(
      `fields.activity[0]: "${name}" cannot be used`,
    );
  });

  it.each([
    ['Mail', 'is written "mail"'],
    ['userprincipalname', 'is written "userPrincipalName"'],
    ['onPremisesExtensionAttributes', 'onPremisesExtensionAttributes.extensionAttribute1'],
    ['employeeOrgData', 'employeeOrgData.costCenter'],
    ['manager', 'is not a single value'],
    ['onPremisesExtensionAttributes.extensionAttribute0', 'the dotted names are'],
    ['onPremisesExtensionAttributes.extensionAttribute16', 'the dotted names are'],
    ['employeeOrgData.budget', 'the dotted names are'],
    ['mail.prefix', 'the dotted names are'],
    ['mailboxSettings.language', 'the dotted names are'],
    ['extension_0123_card', 'is not a directory extension'],
    ['extension_cardNumber', 'is not a directory extension'],
    ['ext12ab34cd_contoso', 'schema extension'],
    ['mail,id', 'is not the name of a user property'],
    ['mail&$expand=manager', 'is not the name of a user property'],
    ['9lives', 'is not the name of a user property'],
    ['__proto__', 'schema extension'],
    [' mail', 'is not the name of a user property'],
    ['', 'is not the name of a user property'],
  ])('%j is refused with a way out', (name, words) => {
    expect(findNameProblem(name)).toContain(words);
  });

  it('is judged alike by the program and by editors, wrong case apart', () => {
    const schema = z.toJSONSchema(mappingSchema, { target: 'draft-7', io: 'input' });
    expect(JSON.stringify(schema)).toContain(JSON.stringify(propertyNamePattern));
    const pattern = new RegExp(propertyNamePattern);
    const part = fc.constantFrom(
      'mail',
      'skills',
      'employeeOrgData',
      'costCenter',
      'userPrincipalName',
      'prefix',
      'onPremisesExtensionAttributes',
      'extensionAttribute7',
      `extension_${appId}_x`,
      '.',
      '_',
      ' ',
      '1',
    );
    const names = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(names, (name) => {
        expect(findNameProblem(name) === null).toBe(pattern.test(name));
      }),
      { numRuns: 2000 },
    );
    for (const name of commonProperties) expect([name, pattern.test(name)]).toEqual([name, true]);
  });
});

describe('the properties asked of Graph', () => {
  it('are named explicitly and sorted for the defaults', () => {
    expect(selectedProperties(defaultMapping())).toEqual([
      'accountEnabled',
      'department',
      'displayName',
      'givenName',
      'id',
      'mail',
      'mailNickname',
      'onPremisesSamAccountName',
      'surname',
      'userPrincipalName',
      'userType',
    ]);
  });

  it('hold the root of a dotted name, once', () => {
    const mapping = makeMapping({
      login: { from: ['userPrincipalName.prefix'] },
      fields: {
        activity: ['employeeOrgData.costCenter', 'employeeOrgData.division'],
        cardNumber: ['onPremisesExtensionAttributes.extensionAttribute3', `extension_${appId}_card`],
      },
    });
    const selected = selectedProperties(mapping);
    expect(selected).toEqual(expect.arrayContaining(['employeeOrgData', 'onPremisesExtensionAttributes']));
    expect(selected).toContain(`extension_${appId}_card`);
    expect(selected.filter((name) => name.includes('.'))).toEqual([]);
    expect(new Set(selected).size).toBe(selected.length);
  });

  it('do not depend on the order in which the mapping names them', () => {
    const one = makeMapping({ fields: { email: ['mail', 'otherMails'] } });
    const other = makeMapping({ fields: { email: ['otherMails', 'mail'] } });
    expect(selectedProperties(one)).toEqual(selectedProperties(other));
  });

  it('keep what every judgement needs even when all fields belong to Gespage', () => {
    const none = Object.fromEntries(Object.keys(contractDefaults.fields).map((name) => [name, []]));
    const mapping = makeMapping({ login: { from: ['employeeId'] }, fields: none });
    expect(selectedProperties(mapping)).toEqual([
      'accountEnabled',
      'displayName',
      'employeeId',
      'id',
      'userPrincipalName',
      'userType',
    ]);
  });
});
