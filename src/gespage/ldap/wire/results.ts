// Owns the result codes that this server gives (RFC 4511, appendix A), and the failure that carries one to the client.

export const resultCodes = {
  success: 0,
  operationsError: 1,
  protocolError: 2,
  timeLimitExceeded: 3,
  sizeLimitExceeded: 4,
  compareFalse: 5,
  compareTrue: 6,
  authMethodNotSupported: 7,
  adminLimitExceeded: 11,
  unavailableCriticalExtension: 12,
  confidentialityRequired: 13,
  noSuchAttribute: 16,
  undefinedAttributeType: 17,
  inappropriateMatching: 18,
  invalidAttributeSyntax: 21,
  noSuchObject: 32,
  invalidDnSyntax: 34,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  busy: 51,
  unavailable: 52,
  unwillingToPerform: 53,
  other: 80,
} as const;

export type ResultName = keyof typeof resultCodes;

/** What a response says of how it went. */
export interface Result {
  readonly code: ResultName;
  readonly matchedDn?: string;
  /** For people who look into the client's log. */
  readonly text?: string;
}

/** Ends one request with this result; the connection lives on. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly result: Result;

  constructor(code: ResultName, text: string, matchedDn?: string) {
    super(text);
    this.result = { code, text, ...(matchedDn !== undefined && { matchedDn }) };
  }
}
