/** Which attributes a policy may read, without evaluating it: for the lifetime of an answer and its cache key. */
import { type AttributePath, attributePathOf, type Expression, visitParts } from './expression.ts';
import { formatPath } from './format.ts';
import type { Template } from './policy.ts';

/**
 * Paths below `context` that a policy's conditions may read or test with `has`, such as `context.auth.ageSeconds`. A path
 * covers everything below it: a policy that compares or stores a whole record reads that record's path, and `context`
 * alone means that anything in the context may matter.
 */
export function policyReads(policy: Template): ReadonlySet<string> {
  const reads = new Set<string>();
  for (const { condition } of policy.clauses) {
    for (const path of attributePathsOf(condition)) if (path.root === 'context') reads.add(formatPath(path));
  }
  return reads;
}

/** The longest paths from variables in an expression; a variable by itself is a path without names. */
export function attributePathsOf(expression: Expression): AttributePath[] {
  const paths: AttributePath[] = [];
  const visit = (part: Expression): void => {
    const path = attributePathOf(part);
    if (path !== undefined) {
      paths.push(path);
      return;
    }
    const holder = part.kind === 'has' ? attributePathOf(part.target) : undefined;
    if (part.kind === 'has' && holder !== undefined) {
      paths.push({ root: holder.root, names: [...holder.names, ...part.path] });
      return;
    }
    visitParts(part, visit);
  };
  visit(expression);
  return paths;
}
