// Owns the proof that the house stands as drawn: who imports whom, no circles, and where the outside world may come in.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/** The arrows of the house: a room may import itself and the rooms named here, nothing else. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  ops: [],
  accounts: [],
  graph: ['ops'],
  gespage: ['accounts', 'ops'],
  state: ['accounts', 'ops'],
  sync: ['state', 'gespage', 'graph', 'accounts', 'ops'],
  webhook: ['sync', 'state', 'ops'],
  admin: ['sync', 'state', 'accounts', 'ops'],
};

/** What stands outside the rooms, the same way. The rooms themselves know none of it. */
const outside: Readonly<Record<string, readonly string[]>> = {
  config: ['accounts', 'ops'],
  compose: [...Object.keys(rooms), 'config'],
  serve: ['compose', 'config', 'ops'],
  cli: [...Object.keys(rooms), 'config', 'compose', 'serve'],
  main: ['serve', 'ops'],
};

/** Where a process begins: these may look at the environment of the process and write to the console. */
const entries = ['src/main.ts', 'src/cli.ts'];

interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** As written, types and dynamic imports too. */
  readonly imports: readonly string[];
}

const files: readonly SourceFile[] = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => {
    const path = `src/${name.replaceAll('\\', '/')}`;
    const text = readFileSync(path, 'utf8');
    const imports = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
    return { path, text, imports };
  });

/** `src/cli/check.ts` and `src/cli.ts` are both of `cli`. */
function placeOf(path: string): string {
  return (path.split('/')[1] ?? '').replace(/\.ts$/, '');
}

function neighboursOf({ path, imports }: SourceFile): string[] {
  return imports.filter((name) => name.startsWith('.')).map((name) => posix.join(posix.dirname(path), name));
}

const parsed = new Map<string, ts.SourceFile>();

function parse(path: string, text: string): ts.SourceFile {
  const source = parsed.get(path) ?? ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  parsed.set(path, source);
  return source;
}

/** Every node of the syntax tree that the test accepts, as `file:line`. Comments and texts are not looked at. */
function findNodes(where: readonly SourceFile[], accepts: (node: ts.Node) => boolean): string[] {
  return where.flatMap(({ path, text }) => {
    const source = parse(path, text);
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      if (accepts(node))
        found.push(`${path}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}`);
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found;
  });
}

function isMember(node: ts.Node, object: string, name: string | undefined): boolean {
  if (!ts.isPropertyAccessExpression(node) || !ts.isIdentifier(node.expression)) return false;
  return node.expression.text === object && (name === undefined || node.name.text === name);
}

describe('the house', () => {
  it('has a place for every file', () => {
    const known = Object.keys({ ...rooms, ...outside });
    expect(files.filter(({ path }) => !known.includes(placeOf(path))).map(({ path }) => path)).toEqual([]);
  });

  it('has arrows that go down only', () => {
    const allowed = { ...rooms, ...outside };
    const wrong = files.flatMap((file) =>
      neighboursOf(file)
        .filter((other) => placeOf(other) !== placeOf(file.path))
        .filter((other) => !allowed[placeOf(file.path)]?.includes(placeOf(other)))
        .map((other) => `${file.path} -> ${other}`),
    );
    expect(wrong).toEqual([]);
  });

  it('is left by no import from src', () => {
    const wrong = files.flatMap((file) =>
      neighboursOf(file)
        .filter((other) => !files.some(({ path }) => path === other))
        .map((other) => `${file.path} -> ${other}`),
    );
    expect(wrong).toEqual([]);
  });

  it('has no circles between files, counting types too', () => {
    expect(findCircles()).toEqual([]);
  });

  it('keeps the rules in accounts free of other rooms, of Node and of every package but zod', () => {
    const imports = files
      .filter(({ path }) => placeOf(path) === 'accounts')
      .flatMap(({ path, imports: all }) => all.map((name) => ({ path, name })));
    expect(imports.filter(({ name }) => !name.startsWith('./') && name !== 'zod')).toEqual([]);
  });
});

describe('every file of src', () => {
  it('begins with a comment that says what it owns', () => {
    const wrong = files.filter(({ text }) => !/^(#!.*\n)?\/\/ Owns \S/.test(text)).map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  it('leaves the environment to the configuration and to the entries of the process', () => {
    const others = files.filter(({ path }) => ![...entries, 'src/config.ts'].includes(path));
    const reads = findNodes(
      others,
      (node) => isMember(node, 'process', 'env') || isMember(node, 'globalThis', 'process'),
    );
    expect(reads).toEqual([]);
    const imports = others.filter(({ imports: all }) => all.some((name) => /^(node:)?process$/.test(name)));
    expect(imports.map(({ path }) => path)).toEqual([]);
  });

  it('leaves the console to the entries of the process', () => {
    const others = files.filter(({ path }) => !entries.includes(path));
    expect(findNodes(others, (node) => isMember(node, 'console', undefined))).toEqual([]);
  });

  it('exports by name', () => {
    expect(findNodes(files, (node) => ts.isExportAssignment(node))).toEqual([]);
  });
});

/** Each circle once, as a chain that comes back to its first file. */
function findCircles(): string[] {
  const graph = new Map(files.map((file) => [file.path, neighboursOf(file)]));
  const done = new Set<string>();
  const chain: string[] = [];
  const circles: string[] = [];
  const visit = (path: string): void => {
    const at = chain.indexOf(path);
    if (at !== -1) circles.push([...chain.slice(at), path].join(' -> '));
    if (at !== -1 || done.has(path)) return;
    chain.push(path);
    for (const next of graph.get(path) ?? []) visit(next);
    chain.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return circles;
}
