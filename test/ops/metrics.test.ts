// Owns the proof that Prometheus finds exactly the promised metrics under their promised names.
import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { createMetrics, type MetricsOptions } from '../../src/ops/metrics.ts';

const make = (options: MetricsOptions = {}) => createMetrics({ processMetrics: false, ...options });

/** All that can be said, once. */
function sayAll(metrics: ReturnType<typeof make>): void {
  metrics.countNotification('change', 'accepted');
  metrics.countNotification('change', 'accepted', 4);
  metrics.countNotification('lifecycle', 'wrong-client-state');
  metrics.observePropagation('sqlite', 0.4);
  metrics.setInbox(7, 12.5);
  metrics.setSubscriptionExpiry('users', 3_600);
  metrics.countGraphRequest('batch', 429);
  metrics.countGraphRequest('delta', 'network');
  metrics.addGraphThrottling(30);
  metrics.countDeltaReset('groups');
  metrics.countTargetWrites('sqlite', 'upsert', 3);
  metrics.setHolds(1);
  metrics.setCredentialExpiry(86_400);
}

const promised = [
  'gespage_sync_notifications_total',
  'gespage_sync_propagation_seconds',
  'gespage_sync_inbox_depth',
  'gespage_sync_inbox_oldest_seconds',
  'gespage_sync_subscription_expiry_seconds',
  'gespage_sync_graph_requests_total',
  'gespage_sync_graph_throttled_seconds_total',
  'gespage_sync_delta_resets_total',
  'gespage_sync_target_writes_total',
  'gespage_sync_holds',
  'gespage_sync_credential_expiry_seconds',
];

describe('the metrics', () => {
  it('are exactly the promised ones, each with a help text', async () => {
    const metrics = make();
    sayAll(metrics);
    const { body } = await metrics.render();
    expect([...body.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1])).toEqual(promised);
    expect([...body.matchAll(/^# HELP \S+ .{10,}$/gm)]).toHaveLength(promised.length);
  });

  it('carry the promised labels and the numbers given', async () => {
    const metrics = make();
    sayAll(metrics);
    const lines = (await metrics.render()).body.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'gespage_sync_notifications_total{kind="change",verdict="accepted"} 5',
        'gespage_sync_notifications_total{kind="lifecycle",verdict="wrong-client-state"} 1',
        'gespage_sync_propagation_seconds_bucket{le="0.35",target="sqlite"} 0',
        'gespage_sync_propagation_seconds_bucket{le="0.5",target="sqlite"} 1',
        'gespage_sync_propagation_seconds_sum{target="sqlite"} 0.4',
        'gespage_sync_inbox_depth 7',
        'gespage_sync_inbox_oldest_seconds 12.5',
        'gespage_sync_subscription_expiry_seconds{resource="users"} 3600',
        'gespage_sync_graph_requests_total{operation="batch",status="429"} 1',
        'gespage_sync_graph_requests_total{operation="delta",status="network"} 1',
        'gespage_sync_graph_throttled_seconds_total 30',
        'gespage_sync_delta_resets_total{stream="groups"} 1',
        'gespage_sync_target_writes_total{target="sqlite",operation="upsert"} 3',
        'gespage_sync_holds 1',
        'gespage_sync_credential_expiry_seconds 86400',
      ]),
    );
  });

  it('come with the content type that Prometheus expects', async () => {
    expect((await make().render()).contentType).toContain('text/plain');
  });

  it('claim no expiry that is not known', async () => {
    const metrics = make();
    const expiries = async () =>
      ((await metrics.render()).body.match(/^gespage_sync_\w+_expiry_seconds.*/gm) ?? []).length;
    expect(await expiries()).toBe(0);
    metrics.setCredentialExpiry(1);
    metrics.setSubscriptionExpiry('users', 1);
    expect(await expiries()).toBe(2);
    metrics.setCredentialExpiry(undefined);
    metrics.setSubscriptionExpiry('users', undefined);
    metrics.setSubscriptionExpiry('never set', undefined);
    expect(await expiries()).toBe(0);
  });

  it('bear a clock that stepped back', async () => {
    const metrics = make();
    metrics.observePropagation('sqlite', -3);
    metrics.addGraphThrottling(-1);
    const { body } = await metrics.render();
    expect(body).toContain('gespage_sync_propagation_seconds_sum{target="sqlite"} 0');
    expect(body).toContain('gespage_sync_graph_throttled_seconds_total 0');
  });

  it('belong to one service each', async () => {
    const [one, other] = [make(), make()];
    one.setHolds(5);
    expect((await other.render()).body).toContain('gespage_sync_holds 0');
  });

  it('bring numbers of the process with them unless told not to', async () => {
    expect((await createMetrics().render()).body).toContain('process_cpu_seconds_total');
    expect((await make().render()).body).not.toContain('process_cpu_seconds_total');
  });

  it('are brought up to date before each rendering, and survive a hook that fails', async () => {
    const onHookError = vi.fn();
    const metrics = make({ onHookError });
    let depth = 0;
    metrics.beforeRender(() => {
      throw new Error('database closed');
    });
    metrics.beforeRender(() => metrics.setInbox(++depth, 0));
    expect((await metrics.render()).body).toContain('gespage_sync_inbox_depth 1');
    expect((await metrics.render()).body).toContain('gespage_sync_inbox_depth 2');
    expect(onHookError).toHaveBeenCalledTimes(2);
  });

  it('are made in one file, without a registry that others share', () => {
    const source = readFileSync(new URL('../../src/ops/metrics.ts', import.meta.url), 'utf8');
    expect(source).not.toMatch(/\bregister\.|globalRegistry/);
  });
});

describe('the summary of propagation', () => {
  it('is absent before the first change', () => {
    expect(make().summarisePropagation()).toBeUndefined();
  });

  it('gives the percentiles of what was measured', () => {
    const metrics = make();
    for (let i = 100; i >= 1; i -= 1) metrics.observePropagation('sqlite', i / 100);
    expect(metrics.summarisePropagation()).toEqual({ count: 100, p50: 0.5, p95: 0.95, p99: 0.99 });
  });

  it('is all the same for a single one', () => {
    const metrics = make();
    metrics.observePropagation('sqlite', 0.3);
    expect(metrics.summarisePropagation()).toEqual({ count: 1, p50: 0.3, p95: 0.3, p99: 0.3 });
  });

  it('rests on the latest thousand', () => {
    const metrics = make();
    for (let i = 0; i < 1_000; i += 1) metrics.observePropagation('sqlite', 9);
    for (let i = 0; i < 1_000; i += 1) metrics.observePropagation('sqlite', 1);
    expect(metrics.summarisePropagation()).toEqual({ count: 1_000, p50: 1, p95: 1, p99: 1 });
  });
});
