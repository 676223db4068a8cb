// Owns the seeded population: what a generated user or group looks like, computed from its number and never stored.
import { guidOf, mix32 } from './random.ts';

/** A property's JSON text for an index, or undefined where this object never had the property. */
export type Emit = (index: number) => string | undefined;

export type Generated = {
  userFields: Readonly<Record<string, Emit>>;
  groupFields: Readonly<Record<string, Emit>>;
};

const givenNames = [
  ...'Amélie Bruno Chloé Denis Élodie Farid Giulia Hélène Ivo Jürgen Karim Léa Màrius Noémie Ömer Pauline'.split(
    ' ',
  ),
  ...'Quentin Rosa Søren Théo Ulrike Vera Wanjiru Xavier Yūki Zoë Anaïs Björn Carmen Dmitri Esther Łukasz'.split(
    ' ',
  ),
];
const surnames = [
  ...'Dubois Martin Lefèvre Müller Rossi Kowalski Nguyễn García Haddad Sørensen Novák Moreau Fischer'.split(
    ' ',
  ),
  ...'Schmidt Petit Roux Laurent Silva Çelik Jansen Popescu Okafor Tanaka Weber Blanchard Fontaine'.split(
    ' ',
  ),
  ...["O'Brien", "D'Angelo", 'van der Berg', 'Saint-Exupéry', 'Le Goff', 'Lindqvist'],
];
const departments = [
  'Physics',
  'Chemistry',
  'Library',
  'Law',
  'Human Resources',
  'IT',
  'Médecine',
  'History',
];
const titles = ['Professor', 'Student', 'Librarian', 'Technician', 'Assistant', 'Researcher'];
const groupNames = ['Printers', 'Staff', 'Students', 'Course', 'Project', 'Laboratory', 'Équipe', 'Faculty'];

const unsetAttributes = `${Array.from({ length: 14 }, (_, n) => `,"extensionAttribute${n + 2}":null`).join('')}}`;

const special: Record<string, string> = { ø: 'o', ł: 'l', ß: 'ss' };

function ascii(text: string): string {
  return text
    .toLowerCase()
    .replace(/[øłß]/g, (letter) => special[letter] ?? '')
    .normalize('NFD')
    .replace(/[^a-z]/g, '');
}

const asciiGiven = givenNames.map(ascii);
const asciiSurname = surnames.map(ascii);

/** Makes the generator of a seed. `domain` is the tenant's verified domain; ids come from `userKey`. */
export function createGenerated(seed: number, domain: string, userKey: number): Generated {
  const salt = mix32(seed + 0x51ed270b);
  const hash = (index: number): number => mix32(index ^ salt);
  const given = (h: number): number => h & 31;
  const last = (h: number): number => (h >>> 5) & 31;
  const share = (h: number, trait: number): number => mix32(h + trait) % 100;
  const quote = (text: string): string => `"${text}"`;
  const guest = (h: number): boolean => share(h, 2) < 4;
  const nickname = (i: number, h: number): string =>
    `${asciiGiven[given(h)]?.slice(0, 1)}${asciiSurname[last(h)]?.slice(0, 9)}${i}`;
  const mail = (i: number, h: number): string =>
    `${asciiGiven[given(h)]}.${asciiSurname[last(h)]}${i}@${domain}`;
  const upn = (i: number, h: number): string =>
    guest(h)
      ? `${nickname(i, h)}_partner.example#EXT#@${domain}`
      : share(h, 11) < 50
        ? `${nickname(i, h)}@${domain}`
        : mail(i, h);

  const userFields: Record<string, Emit> = {
    id: (i) => quote(guidOf(i, userKey)),
    displayName: (i) => quote(`${givenNames[given(hash(i))]} ${surnames[last(hash(i))]}`),
    givenName: (i) => (share(hash(i), 3) < 2 ? undefined : quote(givenNames[given(hash(i))] as string)),
    surname: (i) => (share(hash(i), 3) === 2 ? 'null' : quote(surnames[last(hash(i))] as string)),
    userPrincipalName: (i) => quote(upn(i, hash(i))),
    mail: (i) => (share(hash(i), 4) < 3 ? (i % 2 ? 'null' : undefined) : quote(mail(i, hash(i)))),
    mailNickname: (i) => quote(nickname(i, hash(i))),
    accountEnabled: (i) => (share(hash(i), 5) < 3 ? 'false' : 'true'),
    userType: (i) => (guest(hash(i)) ? '"Guest"' : '"Member"'),
    onPremisesSamAccountName: (i) => (share(hash(i), 6) < 60 ? quote(nickname(i, hash(i))) : undefined),
    onPremisesSyncEnabled: (i) => (share(hash(i), 6) < 60 ? 'true' : undefined),
    department: (i) => {
      const s = share(hash(i), 7);
      return s < 8 ? undefined : s < 10 ? 'null' : quote(departments[s % departments.length] as string);
    },
    jobTitle: (i) =>
      share(hash(i), 8) < 20 ? undefined : quote(titles[share(hash(i), 8) % titles.length] as string),
    employeeId: (i) => (share(hash(i), 9) < 30 ? undefined : quote(`E${100000 + i}`)),
    companyName: (i) => (share(hash(i), 10) < 70 ? undefined : '"Emulated University"'),
    officeLocation: (i) => (share(hash(i), 12) < 50 ? undefined : quote(`B${hash(i) % 40}`)),
    mobilePhone: (i) => (share(hash(i), 13) < 60 ? undefined : quote(`+3312${1000000 + (i % 9000000)}`)),
    businessPhones: (i) => (share(hash(i), 14) < 60 ? '[]' : `["+3318${1000000 + i}"]`),
    preferredLanguage: (i) => (share(hash(i), 15) < 70 ? undefined : '"fr-FR"'),
    usageLocation: () => '"FR"',
    createdDateTime: (i) =>
      quote(new Date(1_500_000_000_000 + i * 60_000).toISOString().replace('.000Z', 'Z')),
    onPremisesExtensionAttributes: (i) =>
      i % 3 === 0
        ? `{"extensionAttribute1":"CARD${10_000_000 + i}"${unsetAttributes}`
        : `{"extensionAttribute1":null${unsetAttributes}`,
    employeeOrgData: (i) =>
      i % 5 === 0
        ? `{"division":null,"costCenter":"C${share(hash(i), 16)}"}`
        : i % 5 === 1
          ? 'null'
          : undefined,
  };
  const groupFields: Record<string, Emit> = {
    displayName: (i) => quote(`${groupNames[hash(i) % groupNames.length]} ${i}`),
    description: (i) => (i % 4 === 0 ? undefined : i % 4 === 1 ? 'null' : quote(`Generated group ${i}`)),
    mailNickname: (i) => quote(`group${i}`),
    mailEnabled: () => 'false',
    securityEnabled: () => 'true',
    groupTypes: () => '[]',
    visibility: (i) => (i % 3 === 0 ? undefined : '"Private"'),
    createdDateTime: userFields['createdDateTime'] as Emit,
  };
  return { userFields, groupFields };
}

/** Reads a generated object as a record of values (the slow way, for objects that are about to change). */
export function readGenerated(
  fields: Readonly<Record<string, Emit>>,
  index: number,
): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (const [name, emit] of Object.entries(fields)) {
    const text = emit(index);
    if (text !== undefined && name !== 'id') record[name] = JSON.parse(text) as unknown;
  }
  return record;
}
