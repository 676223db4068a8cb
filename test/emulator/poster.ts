// Owns outgoing HTTP: POSTs to the listener's URLs over kept-alive connections, with a deadline.
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export type PostResult = { status: number; contentType: string; body: string; ms: number };

export type Poster = {
  /** Posts and reads the whole answer; rejects on a broken connection or after `timeoutMs`. */
  post(url: string, contentType: string, body: string, timeoutMs: number): Promise<PostResult>;
  close(): void;
};

/** Makes a poster. `verifyTls` false accepts any certificate of the listener. */
export function createPoster(verifyTls: boolean): Poster {
  const http = new HttpAgent({ keepAlive: true, maxSockets: 64 });
  const https = new HttpsAgent({ keepAlive: true, maxSockets: 64, rejectUnauthorized: verifyTls });
  return {
    post: (url, contentType, body, timeoutMs) =>
      new Promise((resolve, reject) => {
        const started = performance.now();
        const options = {
          method: 'POST',
          headers: { 'content-type': contentType, 'content-length': Buffer.byteLength(body) },
        };
        const sending = url.startsWith('https:')
          ? httpsRequest(url, { ...options, agent: https })
          : httpRequest(url, { ...options, agent: http });
        const timer = setTimeout(
          () => sending.destroy(new Error(`no answer within ${timeoutMs} ms`)),
          timeoutMs,
        );
        const fail = (error: Error): void => {
          clearTimeout(timer);
          reject(error);
        };
        sending.on('error', fail);
        sending.on('response', (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', fail);
          response.on('end', () => {
            clearTimeout(timer);
            resolve({
              status: response.statusCode ?? 0,
              contentType: response.headers['content-type'] ?? '',
              body: Buffer.concat(chunks).toString(),
              ms: performance.now() - started,
            });
          });
        });
        sending.end(body);
      }),
    close: () => {
      http.destroy();
      https.destroy();
    },
  };
}
