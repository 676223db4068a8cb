// Owns how a read of an object joins what the mirror already holds of it.

type Properties = Record<string, unknown>;

/**
 * Merges a read into the known properties: an explicit null clears a value, an absent one leaves it alone.
 * Both delta modes of Graph come out right this way (learn.microsoft.com/graph/delta-query-overview).
 * Nested objects are merged likewise; arrays and plain values are replaced.
 */
export function mergeProperties(known: Properties, read: Properties): Properties {
  const merged: Properties = { ...known };
  for (const name in read) {
    const value = read[name];
    if (value === null || value === undefined) {
      if (name in merged) delete merged[name];
    } else if (isPlainObject(value)) {
      const before = merged[name];
      const inner = mergeProperties(isPlainObject(before) ? before : {}, value);
      if (Object.keys(inner).length === 0) delete merged[name];
      else merged[name] = inner;
    } else merged[name] = value;
  }
  return merged;
}

function isPlainObject(value: unknown): value is Properties {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
