// Owns the record of what the client asked: counters by path, delta reads at the same time, and misuses of the protocol.

export type RequestSummary = {
  total: number;
  /** By method and path with ids replaced, such as `GET /users/{id}`; batch items count too, marked `batch `. */
  byPath: Record<string, number>;
  byStatus: Record<string, number>;
  /** Most delta requests of one stream under way at once; one reader gives 1. */
  maxConcurrentDelta: { users: number; groups: number };
  /** What the client did that the documents forbid or warn of. */
  violations: string[];
};

export type RequestLog = {
  /** Notes a request; the returned function notes its answer. */
  begin(method: string, path: string, inBatch: boolean): (status: number) => void;
  violation(text: string): void;
  summary(): RequestSummary;
  reset(): void;
};

const guid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** Makes an empty log. */
export function createRequestLog(): RequestLog {
  let summary = empty();
  const underWay = { users: 0, groups: 0 };

  function empty(): RequestSummary {
    return {
      total: 0,
      byPath: {},
      byStatus: {},
      maxConcurrentDelta: { users: 0, groups: 0 },
      violations: [],
    };
  }

  return {
    begin: (method, path, inBatch) => {
      summary.total += 1;
      const name = `${inBatch ? 'batch ' : ''}${method} ${path.replace(guid, '{id}')}`;
      summary.byPath[name] = (summary.byPath[name] ?? 0) + 1;
      const stream = /^\/(users|groups)\/(microsoft\.graph\.)?delta/i.exec(path)?.[1]?.toLowerCase();
      if (stream === 'users' || stream === 'groups') {
        underWay[stream] += 1;
        const most = Math.max(summary.maxConcurrentDelta[stream], underWay[stream]);
        if (most > 1 && most > summary.maxConcurrentDelta[stream]) {
          summary.violations.push(`${most} delta requests for ${stream} were under way at once.`);
        }
        summary.maxConcurrentDelta[stream] = most;
      }
      return (status) => {
        if (stream === 'users' || stream === 'groups') underWay[stream] -= 1;
        summary.byStatus[status] = (summary.byStatus[status] ?? 0) + 1;
      };
    },
    violation: (text) => void summary.violations.push(text),
    summary: () => summary,
    reset: () => {
      summary = empty();
    },
  };
}
