/** The scope of a policy as Cedar text, a line for each part that asks for something. */
import { formatUid, type Policy } from './cedar/index.ts';

export function scopeLines(policy: Policy): string[] {
  return [principalLine(policy), actionLine(policy), entityLine('resource', policy.resource)].filter(
    (line) => line !== undefined,
  );
}

export function principalLine({ principal }: Policy): string | undefined {
  return entityLine('principal', principal);
}

function entityLine(name: string, scope: Policy['principal']): string | undefined {
  switch (scope.op) {
    case 'all':
      return undefined;
    case 'is':
      return `${name} is ${scope.type}${scope.uid === undefined ? '' : ` in ${formatUid(scope.uid)}`}`;
    default:
      return `${name} ${scope.op} ${formatUid(scope.uid)}`;
  }
}

function actionLine({ action }: Policy): string | undefined {
  if (action.op === 'all') return undefined;
  if (action.op === '==') return `action == ${formatUid(action.uid)}`;
  return `action in [${action.uids.map(formatUid).sort().join(', ')}]`;
}
