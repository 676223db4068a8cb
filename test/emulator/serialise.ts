// Owns the JSON text of directory objects: a `$select` is compiled once and then writes any object quickly.
import type { Directory, Version } from './directory.ts';
import type { Kind } from './properties.ts';
import type { Emit } from './generated.ts';
import { indexOfRef, kindOfRef } from './members.ts';
import type { Ref } from './members.ts';

/** Writes `"id":"…","name":value,…` (no braces) for one state of an object. */
export type Writer = (index: number, version: Version) => string;

/**
 * Compiles a list of property names into a writer. `unset` decides what a property that was never set becomes:
 * nothing at all (delta) or null (ordinary reads).
 */
export function compileWriter(
  directory: Directory,
  kind: Kind,
  names: readonly string[],
  unset: 'absent' | 'null',
): Writer {
  const wanted = names.filter((name) => name !== 'id');
  const fields: Readonly<Record<string, Emit>> =
    kind === 'user'
      ? directory.generated.userFields
      : kind === 'group'
        ? directory.generated.groupFields
        : {};
  const plan = wanted.map((name) => ({ prefix: `,"${name}":`, emit: fields[name] }));
  const keepUnset = unset === 'null';

  const writeGenerated = (index: number): string => {
    let text = `"id":"${directory.idOf(kind, index)}"`;
    for (const { prefix, emit } of plan) {
      const value = emit?.(index);
      if (value !== undefined) text += prefix + value;
      else if (keepUnset) text += `${prefix}null`;
    }
    return text;
  };

  return (index, version) => {
    if (version.props === null && (kind === 'user' || kind === 'group') && version.status === 'active') {
      return writeGenerated(index);
    }
    const props = directory.propsOf(kind, index, version);
    const record: Record<string, unknown> = { id: directory.idOf(kind, index) };
    for (const name of wanted) {
      const value =
        name === 'deletedDateTime' && version.status === 'deleted'
          ? new Date(version.deletedAt).toISOString()
          : props[name];
      if (value !== undefined) record[name] = value;
      else if (keepUnset) record[name] = null;
    }
    return JSON.stringify(record).slice(1, -1);
  };
}

const typeNames: Record<Kind, string> = {
  user: '#microsoft.graph.user',
  group: '#microsoft.graph.group',
  device: '#microsoft.graph.device',
  servicePrincipal: '#microsoft.graph.servicePrincipal',
};

export function typeName(kind: Kind): string {
  return typeNames[kind];
}

/** One entry of `members@delta` as delta answers write it; `reason` marks a member that left. */
export function writeMember(directory: Directory, ref: Ref, removed: boolean): string {
  const kind = kindOfRef(ref);
  const head = `{"@odata.type":"${typeNames[kind]}","id":"${directory.idOf(kind, indexOfRef(ref))}"`;
  return removed ? `${head},"@removed":{"reason":"deleted"}}` : `${head}}`;
}
