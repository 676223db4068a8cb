// Owns MSAL's way to the network: with a time limit, without redirects, and remembering the last answer for diagnosis.
import { startDeadline } from './deadline.ts';
import type { INetworkModule, NetworkRequestOptions, NetworkResponse } from '@azure/msal-node';

/** MSAL hides statuses, headers and network errors from its caller; this is where they can still be seen. */
export interface TokenWire extends INetworkModule {
  /** The last answer that was not a success, or the last error, if any. */
  readonly trouble: () => WireTrouble;
}

export interface WireTrouble {
  readonly status?: number;
  readonly headers?: Headers;
  readonly body?: unknown;
  readonly cause?: unknown;
}

/** Makes the network for one sign-in attempt. `timeoutMs` limits each of its requests. */
export function createTokenWire(timeoutMs: number): TokenWire {
  let trouble: WireTrouble = {};

  async function exchange<T>(url: string, init: RequestInit): Promise<NetworkResponse<T>> {
    trouble = {};
    const deadline = startDeadline(undefined, timeoutMs);
    try {
      const response = await fetch(url, {
        ...init,
        redirect: 'error',
        signal: deadline.signal,
      });
      const text = await response.text();
      if (!response.ok) trouble = { status: response.status, headers: response.headers };
      const body: unknown = JSON.parse(text);
      if (!response.ok) trouble = { ...trouble, body };
      return { status: response.status, headers: Object.fromEntries(response.headers), body: body as T };
    } catch (cause) {
      // The status of an answer without JSON says more than the parser's complaint.
      if (trouble.status === undefined) trouble = { cause };
      throw cause;
    } finally {
      deadline.clear();
    }
  }

  return {
    trouble: () => trouble,
    sendGetRequestAsync: <T>(url: string, options?: NetworkRequestOptions) =>
      exchange<T>(url, { headers: options?.headers ?? {} }),
    sendPostRequestAsync: <T>(url: string, options?: NetworkRequestOptions) =>
      exchange<T>(url, { method: 'POST', headers: options?.headers ?? {}, body: options?.body ?? '' }),
  };
}
