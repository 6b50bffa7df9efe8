import { parseAst } from 'vitest/node';

export type SyntaxNode = { type: string; start: number; end: number; [member: string]: unknown };
export type ImportedModule = { specifier: string; line: number };

/** Parses TypeScript; throws for text that is none, which the type check reports better. */
export function parseSyntax(text: string): SyntaxNode {
  return parseAst(text, { lang: 'ts' }) as unknown as SyntaxNode;
}

/** Visits every node of the tree, parents first. */
export function visitNodes(node: SyntaxNode, visit: (node: SyntaxNode) => void): void {
  visit(node);
  for (const member of Object.values(node)) {
    for (const child of Array.isArray(member) ? member : [member]) {
      if (isNode(child)) visitNodes(child, visit);
    }
  }
}

/** Every module a file names: imports, type imports, re-exports, `import()` and `require()` with a literal. */
export function findImports(text: string, program: SyntaxNode): ImportedModule[] {
  const imports: ImportedModule[] = [];
  visitNodes(program, (node) => {
    const source = sourceOf(node);
    if (source !== undefined) imports.push({ specifier: source, line: lineOf(text, node) });
  });
  return imports;
}

export function lineOf(text: string, node: SyntaxNode): number {
  return text.slice(0, node.start).split('\n').length;
}

/** The name of an identifier node, else nothing. */
export function identifierName(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Identifier' ? String(node['name']) : undefined;
}

const WITH_SOURCE = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
]);

function sourceOf(node: SyntaxNode): string | undefined {
  if (WITH_SOURCE.has(node.type)) return literalText(node['source']);
  if (node.type !== 'CallExpression' || identifierName(node['callee']) !== 'require') return undefined;
  return literalText((node['arguments'] as unknown[])[0]);
}

function literalText(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : undefined;
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}
