// Owns the genuine notifications of the acknowledgement benchmark, in the shape in which Graph sends them.

export const tenantId = '7d96d549-0000-4000-8000-000000000001';

export const subscriptionOf = (resource: 'users' | 'groups'): string =>
  resource === 'users' ? '092ba742-0000-4000-8000-000000000001' : '092ba742-0000-4000-8000-000000000002';

/** As long as the service's own. */
export const clientStateOf = (resource: 'users' | 'groups'): string => resource.padEnd(43, 'x');

/** Bodies with one item each, every one about another user. */
export function makeBodies(count: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const id = `4d147cc8-0000-4000-8000-${at.toString(16).padStart(12, '0')}`;
    return JSON.stringify({
      value: [
        {
          changeType: 'updated',
          clientState: clientStateOf('users'),
          resource: `Users/${id}`,
          resourceData: {
            '@odata.type': '#Microsoft.Graph.User',
            '@odata.id': `Users/${id}`,
            id,
            organizationId: tenantId,
          },
          subscriptionExpirationDateTime: '2026-12-02T11:00:00+00:00',
          subscriptionId: subscriptionOf('users'),
          tenantId,
        },
      ],
    });
  });
}
