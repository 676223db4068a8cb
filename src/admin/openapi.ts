// Owns the description of the private door: made from the routes, so that it cannot differ from them.
import { z } from 'zod';
import type { Route } from './route.ts';

const problemSchema = {
  type: 'object',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    errors: { type: 'array', items: { type: 'string' } },
  },
  required: ['type', 'title', 'status', 'detail'],
};

const problemContent = {
  'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
};

/** The OpenAPI 3.1 document of these routes. */
export function describeApi(routes: readonly Route[]) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: describeRoute(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'gespage-graph-sync, private door',
      version: '1',
      description: 'Every route but the probes wants the admin token, or the session of a browser.',
    },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'ADMIN_TOKEN' } },
      schemas: { Problem: problemSchema },
    },
  };
}

function describeRoute(route: Route) {
  return {
    summary: route.summary,
    tags: [route.tag],
    parameters: [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')],
    ...(route.body && {
      requestBody: { required: false, content: { 'application/json': { schema: schemaOf(route.body) } } },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, description]) => [
          status,
          { description, ...(Number(status) >= 400 && { content: problemContent }) },
        ]),
      ),
      401: { description: 'The token is missing or wrong', content: problemContent },
    },
  };
}

/** One parameter of a route, as the description and the page of it show it. */
export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

export function parametersOf(schema: z.ZodType | undefined, place: 'path' | 'query'): Parameter[] {
  if (schema === undefined) return [];
  const { properties = {} } = schemaOf(schema);
  return Object.entries(properties).map(([name, property]) => {
    const { description = '', ...rest } = property as { description?: string };
    return { name, in: place, required: place === 'path', description, schema: rest };
  });
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** What a caller may send, hence the input side of each schema. */
function schemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
  }) as JsonSchema & {
    $schema?: string;
  };
  return rest;
}
