// Owns the mapping file: its shape, its defaults, its check in plain words, and what Graph must be asked for.
import { z } from 'zod';
import { fileSection, findOwnedColumns } from './file-format.ts';
import { explainIssue } from './mapping-problems.ts';
import { findOwned, propertiesOf } from './field-rules.ts';
import type { FieldName } from './model.ts';
import { commonProperties, findNameProblem, propertyNamePattern, rootProperty } from './property-names.ts';
import { isObjectId } from './scope.ts';

const propertyName = z
  .string()
  .superRefine((name, context) => {
    const problem = findNameProblem(name);
    if (problem !== null) context.addIssue({ code: 'custom', message: `"${name}" ${problem}` });
  })
  .meta({
    id: 'propertyName',
    description: 'A Microsoft Graph user property, a dotted name or a directory extension',
    pattern: propertyNamePattern,
    examples: [...commonProperties, 'userPrincipalName.prefix', 'employeeOrgData.costCenter'],
  });

const groupPattern = z
  .string()
  .regex(/\S/, 'is empty; write an object id, a display name or a pattern with *')
  .meta({
    id: 'groupPattern',
    description: 'A group: its object id, its exact display name, or a pattern with *',
  });

const userPattern = z
  .string()
  .superRefine((text, context) => {
    if (isObjectId(text.trim()) || /[@*]/.test(text)) return;
    context.addIssue({
      code: 'custom',
      message: `"${text}" is neither a user's object id nor a user principal name; write one of them, or a pattern with * such as svc-*`,
    });
  })
  .meta({
    id: 'userPattern',
    description: 'A user: the object id, the user principal name, or a pattern for it with *',
    pattern: '[@*]|^\\s*[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\\s*$',
  });

const ownedRule = z.strictObject({
  from: z
    .array(propertyName)
    .min(1, 'is empty; write [] in place of the whole { } for a field that Gespage owns')
    .meta({ description: 'The first non-empty property wins' }),
  write: z.enum(['always', 'once']).default('always').meta({
    description: 'once: when the account is made, and never again, since Gespage or its users may change it',
  }),
});

const sourceList = (...names: string[]) =>
  z
    .union([z.array(propertyName), ownedRule])
    .default(names)
    .meta({
      description:
        'The first non-empty property wins; an empty list leaves the field to Gespage; { from, write } says whether it is written always or once',
    });

const scope = z
  .strictObject({
    groups: z
      .array(groupPattern)
      .default([])
      .meta({ description: 'Whose members, nested ones too, get an account; none means every member user' }),
    includeGuests: z.boolean().default(false).meta({ description: 'Whether guests can get an account' }),
    exclude: z.array(userPattern).default([]).meta({ description: 'Users who never get an account' }),
  })
  .prefault({});

const login = z
  .strictObject({
    from: z
      .array(propertyName)
      .min(1, 'is empty, so nobody could get an account; name at least one property')
      .default(['onPremisesSamAccountName', 'mailNickname', 'userPrincipalName.prefix'])
      .meta({ description: 'The first non-empty property is the login' }),
    case: z
      .enum(['lower', 'preserve'])
      .default('lower')
      .meta({ description: 'Whether the login is written in lower case or as the tenant has it' }),
  })
  .prefault({});

const fields = z
  .strictObject({
    email: sourceList('mail', 'userPrincipalName'),
    firstName: sourceList('givenName'),
    lastName: sourceList('surname'),
    displayName: sourceList('displayName'),
    department: sourceList('department'),
    activity: sourceList(),
    cardNumber: sourceList(),
    printCode: sourceList(),
    homeDirectory: sourceList(),
  } satisfies Record<FieldName, z.ZodType>)
  .prefault({});

const groups = z
  .strictObject({
    publish: z
      .array(groupPattern)
      .default([])
      .meta({ description: 'Groups that Gespage gets; a Gespage group can carry administrator rights' }),
    never: z
      .array(groupPattern)
      .default([])
      .meta({ description: 'Groups that Gespage never gets, even where publish means them too' }),
    nested: z
      .boolean()
      .default(true)
      .meta({ description: 'Whether members of member groups count, in the scope and in published groups' }),
  })
  .prefault({});

const ldap = z
  .strictObject({
    departments: z.boolean().default(false).meta({
      description: 'Whether people with a department stand in an organizational unit of its name',
    }),
  })
  .prefault({});

/** The mapping file as editors and {@link parseMapping} see it; `$schema` is for editors alone. */
export const mappingSchema = z
  .strictObject({ $schema: z.string().optional(), scope, login, fields, groups, ldap, file: fileSection })
  .superRefine(({ fields: rules, file }, context) => {
    for (const { column, message } of findOwnedColumns(file, findOwned(rules)))
      context.addIssue({ code: 'custom', path: ['file', 'columns', column], message });
  })
  .meta({
    title: 'Mapping of gespage-graph-sync',
    description: 'Who gets a Gespage account, with which login, fields and groups',
  });

/** What the operator decided: who is in scope, how a login and the fields are made, which groups are published. */
export type Mapping = Omit<z.output<typeof mappingSchema>, '$schema'>;

export type ParsedMapping =
  { readonly ok: true; readonly mapping: Mapping } | { readonly ok: false; readonly problems: string[] };

/** Reads the text of a mapping file. What is left out has its default; every problem is reported, in plain words. */
export function parseMapping(text: string): ParsedMapping {
  let content: unknown;
  try {
    // Editors on Windows put a byte order mark in front, which JSON does not know.
    content = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { ok: false, problems: [`the mapping file is not JSON (${detail}); correct it at that place`] };
  }
  const result = mappingSchema.safeParse(content, { reportInput: true });
  if (!result.success) return { ok: false, problems: result.error.issues.flatMap(explainIssue) };
  const { $schema: _, ...mapping } = result.data;
  return { ok: true, mapping };
}

/** The mapping that holds where no file is given. */
export function defaultMapping(): Mapping {
  const { $schema: _, ...mapping } = mappingSchema.parse({});
  return mapping;
}

/** Every user is judged by these, whatever the mapping names. */
const alwaysSelected = ['accountEnabled', 'displayName', 'id', 'userPrincipalName', 'userType'];

/**
 * The explicit `$select` for users, sorted: changes of other properties are not reported. A different list
 * needs a new delta stream. https://learn.microsoft.com/graph/delta-query-overview
 */
export function selectedProperties(mapping: Mapping): string[] {
  const named = [...mapping.login.from, ...Object.values(mapping.fields).flatMap(propertiesOf)];
  return [...new Set([...alwaysSelected, ...named.map(rootProperty)])].sort();
}
