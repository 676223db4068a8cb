// Owns writing LDAP messages (RFC 4511, 4.1.9): results, and what comes with them.
import { element, integer, octets } from './ber-writer.ts';
import { requestTags } from './requests.ts';
import { resultCodes, type Result } from './results.ts';

/** The answer to each request, by the tag of the request; unbind and abandon have none. */
const answers: ReadonlyMap<number, number> = new Map([
  [requestTags.bind, 0x61],
  [requestTags.search, 0x65],
  [requestTags.modify, 0x67],
  [requestTags.add, 0x69],
  [requestTags.delete, 0x6b],
  [requestTags.rename, 0x6d],
  [requestTags.compare, 0x6f],
  [requestTags.extended, 0x78],
]);

export interface Extras {
  /** `responseName` and `responseValue` of an extended response. */
  readonly name?: string;
  readonly value?: Buffer;
  readonly controls?: readonly { readonly oid: string; readonly value: Buffer }[];
}

/** The last message of a request. Undefined where the request has no answer. */
export function writeResult(
  id: number,
  requestTag: number,
  result: Result,
  extras: Extras = {},
): Buffer | undefined {
  const tag = answers.get(requestTag);
  if (tag === undefined) return undefined;
  const parts = [
    integer(resultCodes[result.code], 0x0a),
    octets(result.matchedDn ?? ''),
    octets(result.text ?? ''),
  ];
  if (extras.name !== undefined) parts.push(octets(extras.name, 0x8a));
  if (extras.value !== undefined) parts.push(octets(extras.value, 0x8b));
  const message = [integer(id), element(tag, ...parts)];
  if (extras.controls !== undefined && extras.controls.length > 0) {
    const controls = extras.controls.map(({ oid, value }) => element(0x30, octets(oid), octets(value)));
    message.push(element(0xa0, ...controls));
  }
  return element(0x30, ...message);
}

export const noticeOfDisconnectionOid = '1.3.6.1.4.1.1466.20036';

/** Says to the client why the connection ends (RFC 4511, 4.4.1). */
export function writeNoticeOfDisconnection(result: Result): Buffer {
  return writeResult(0, requestTags.extended, result, { name: noticeOfDisconnectionOid }) as Buffer;
}
