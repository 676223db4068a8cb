// Owns the controls that a client may send with a request (RFC 4511, 4.1.11), and the paged results control's value.
import { BerError, createBerReader } from './ber-reader.ts';
import { element, integer, octets } from './ber-writer.ts';
import type { Control } from './requests.ts';
import { Refused } from './results.ts';

export const pagedResultsOid = '1.2.840.113556.1.4.319';
/** RFC 3296: nothing here is a referral, so that there is nothing to do for it. */
export const manageDsaItOid = '2.16.840.1.113730.3.4.2';

export interface Paging {
  /** Entries of a page. */
  readonly size: number;
  /** Empty for the first page. */
  readonly cookie: Buffer;
}

/** What the controls of a search ask for. */
export interface SearchControls {
  readonly paging: Paging | undefined;
}

/**
 * Reads the controls of a search.
 * @throws Refused where one is critical and not understood, or is not whole.
 */
export function readSearchControls(controls: readonly Control[]): SearchControls {
  refuseCritical(controls, new Set([pagedResultsOid, manageDsaItOid]));
  const paged = controls.filter(({ oid }) => oid === pagedResultsOid);
  if (paged.length > 1) throw new Refused('protocolError', 'Two paged results controls in one request.');
  return { paging: paged[0] && readPaging(paged[0]) };
}

/** @throws Refused for a control that is critical and not among those understood. */
export function refuseCritical(controls: readonly Control[], understood: ReadonlySet<string>): void {
  const strange = controls.find(({ oid, critical }) => critical && !understood.has(oid));
  if (strange !== undefined)
    throw new Refused(
      'unavailableCriticalExtension',
      `The control ${printable(strange.oid)} is not known here.`,
    );
}

function readPaging({ value }: Control): Paging {
  const wrong = (): never => {
    throw new Refused('protocolError', 'The value of the paged results control is not whole.');
  };
  if (value === undefined) return wrong();
  try {
    const outer = createBerReader(value);
    const list = outer.within(0x30);
    outer.end();
    const size = list.integer();
    const cookie = list.octets();
    list.end();
    if (size < 0) return wrong();
    return { size, cookie };
  } catch (error) {
    if (error instanceof BerError) return wrong();
    throw error;
  }
}

/** The control that comes with the result of a page; an empty cookie says that it was the last one. */
export function writePaging(cookie: Buffer): { oid: string; value: Buffer } {
  // The size is an estimate of the whole, and 0 where there is none.
  return { oid: pagedResultsOid, value: element(0x30, integer(0), octets(cookie)) };
}

/** What a client sent, short and in plain letters. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}
