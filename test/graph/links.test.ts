// Owns the proof that a link is followed only to the Graph host of the tenant's own cloud.
import { describe, expect, it } from 'vitest';
import { cloudNames } from '../../src/config/urls.ts';
import { checkLink } from '../../src/graph/links.ts';
import { configOf } from '../config/environment.ts';

const baseUrlOf = (cloud: string): string => configOf({ GRAPH_CLOUD: cloud }).graph.baseUrl;
const foreign = expect.objectContaining({ kind: 'permanent', code: 'foreign-link' }) as Error;

describe.each(cloudNames)('in the cloud %s a link', (cloud) => {
  const baseUrl = baseUrlOf(cloud);
  const follow = (link: string): void => checkLink(link, baseUrl, 'users.delta');

  it('to its own host is followed [trouble 13.17]', () => {
    expect(() => follow(`${baseUrl}/v1.0/users/delta?$deltatoken=secret`)).not.toThrow();
  });

  it.each(cloudNames.filter((other) => other !== cloud))(
    'to the host of %s is not [trouble 13.17]',
    (other) => {
      expect(() => follow(`${baseUrlOf(other)}/v1.0/users/delta?$deltatoken=secret`)).toThrow(foreign);
    },
  );

  it.each([
    ['a host that begins alike', (host: string) => `https://${host}.example/v1.0/users/delta`],
    ['a host that ends alike', (host: string) => `https://evil-${host}/v1.0/users/delta`],
    ['plain http', (host: string) => `http://${host}/v1.0/users/delta`],
    ['another port', (host: string) => `https://${host}:8443/v1.0/users/delta`],
    ['a name and password', (host: string) => `https://name:password@${host}/v1.0/users/delta`],
  ])('to %s is not', (_, linkTo) => {
    expect(() => follow(linkTo(new URL(baseUrl).host))).toThrow(foreign);
  });
});
