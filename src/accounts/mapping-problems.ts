// Owns the words in which a wrong mapping file is explained: where, what, and what would be right.
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** Turns one finding of zod into sentences that name the place in the file. */
export function explainIssue(issue: Issue): string[] {
  const place = describePlace(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) => `${describePlace([...issue.path, key])} is not known; remove it or correct its spelling`,
    );
  }
  if (issue.code === 'invalid_type') {
    return [`${place} must be ${describeType(issue.expected)}, but is ${describeInput(issue.input)}`];
  }
  if (issue.code === 'invalid_value') {
    const values = issue.values.map((value) => JSON.stringify(value)).join(' or ');
    return [`${place} must be ${values}, but is ${describeInput(issue.input)}`];
  }
  // Where a check of our own found too few, it has brought its sentence.
  if (issue.code === 'too_small' && issue.origin === 'array' && issue.message.startsWith('Too small'))
    return [`${place} has too few texts; it takes ${issue.minimum}`];
  if (issue.code === 'too_big' && issue.origin === 'array')
    return [`${place} has too many texts; it takes ${issue.maximum}`];
  // A field is a list or an object: what was written tells which of the two was meant.
  if (issue.code === 'invalid_union' && issue.message === 'Invalid input') {
    const meant = Array.isArray(issue.input)
      ? issue.errors[0]
      : isObject(issue.input)
        ? issue.errors[1]
        : undefined;
    if (meant !== undefined)
      return meant.flatMap((one) => explainIssue({ ...one, path: [...issue.path, ...one.path] }));
    return [
      `${place} must be a list in [ ], or { "from": [ ], "write": "once" }, but is ${describeInput(issue.input)}`,
    ];
  }
  // Checks of our own bring their sentence: either about the place itself or about the text found there.
  return [issue.message.startsWith('"') ? `${place}: ${issue.message}` : `${place} ${issue.message}`];
}

function isObject(input: unknown): boolean {
  return typeof input === 'object' && input !== null;
}

function describePlace(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the mapping file';
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

function describeType(expected: string): string {
  switch (expected) {
    case 'array':
      return 'a list in [ ]';
    case 'object':
      return 'an object in { }';
    case 'boolean':
      return 'true or false';
    case 'string':
      return 'text in quotation marks';
    default:
      return `of type ${expected}`;
  }
}

function describeInput(input: unknown): string {
  if (input === null) return 'null';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'string') return `the text ${JSON.stringify(input)}`;
  if (typeof input === 'number' || typeof input === 'boolean') return String(input);
  return 'an object';
}
