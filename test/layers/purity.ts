import { isBuiltin } from 'node:module';
import { pureFolders } from '../layers.ts';
import { findImports, identifierName, lineOf, type SyntaxNode, visitNodes } from './syntax.ts';
import { isTestFile, type Violation } from './violation.ts';

/** Globals whose members reach outside of the function that uses them. */
const IMPURE_OBJECTS = new Set(['process', 'performance', 'crypto', 'console', 'globalThis']);
const IMPURE_MEMBERS = new Set(['Date.now', 'Math.random']);
const IMPURE_CALLS = new Set(['fetch', 'setTimeout', 'setInterval', 'setImmediate', 'Date']);

/** Whether the path lies in code that must give the same answer for the same values, everywhere. */
export function isPure(path: string): boolean {
  const isIn = (folder: string) => path.startsWith(`${folder}/`);
  return !isTestFile(path) && pureFolders.some(({ folder, except }) => isIn(folder) && !except.some(isIn));
}

/** Finds what makes a pure file impure: `node:` modules, clocks, chance, the environment, timers, the network. */
export function checkPurity(path: string, text: string, program: SyntaxNode): Violation[] {
  if (!isPure(path)) return [];
  const violations: Violation[] = findImports(text, program)
    .filter(({ specifier }) => isBuiltin(specifier))
    .map(({ specifier, line }) => ({ rule: 'impure', path, line, detail: `imports ${specifier}` }));
  visitNodes(program, (node) => {
    const detail = impurity(node);
    if (detail !== undefined)
      violations.push({ rule: 'impure', path, line: lineOf(text, node), detail: `uses ${detail}` });
  });
  return violations;
}

function impurity(node: SyntaxNode): string | undefined {
  switch (node.type) {
    case 'MemberExpression': {
      const object = identifierName(node['object']);
      const member = identifierName(node['property']) ?? '?';
      if (object === undefined) return undefined;
      return IMPURE_OBJECTS.has(object) || IMPURE_MEMBERS.has(`${object}.${member}`)
        ? `${object}.${member}`
        : undefined;
    }
    case 'CallExpression': {
      const callee = identifierName(node['callee']);
      return callee !== undefined && IMPURE_CALLS.has(callee) ? `${callee}()` : undefined;
    }
    case 'NewExpression': {
      const isNow = identifierName(node['callee']) === 'Date' && (node['arguments'] as unknown[]).length === 0;
      return isNow ? 'new Date()' : undefined;
    }
    default:
      return undefined;
  }
}
