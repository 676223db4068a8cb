// Owns what a mapping says of a field: from which properties it comes, and whether it is written always or once.
import { type FieldName, fieldNames } from './model.ts';

/** A list of properties, or the same with the word for how often the field is written. */
export type FieldRule =
  readonly string[] | { readonly from: readonly string[]; readonly write: 'always' | 'once' };

export type FieldRules = Readonly<Record<FieldName, FieldRule>>;

/** The properties of which the first non-empty one wins; none where Gespage owns the field. */
export function propertiesOf(rule: FieldRule): readonly string[] {
  return 'from' in rule ? rule.from : rule;
}

/** Fields that Gespage owns: never written. */
export function findOwned(rules: FieldRules): FieldName[] {
  return fieldNames.filter((name) => propertiesOf(rules[name]).length === 0);
}

/** Fields that are written when an account is made, and left alone afterwards. */
export function findOnce(rules: FieldRules): FieldName[] {
  return fieldNames.filter((name) => {
    const rule = rules[name];
    return 'from' in rule && rule.write === 'once';
  });
}
