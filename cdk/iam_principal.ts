/** IAM roles and users as an operator names them, whole, and in the form that calls are compared with. */
import { accept, type Result, refuse } from '@postern/result';

export interface IamPrincipal {
  /** As it is in IAM, path included: what a resource policy names. */
  readonly arn: string;
  /** Without a role's path, which the caller's session does not carry (`principalOf` of `@postern/aws/lambda`). */
  readonly principal: string;
}

export type IamPrincipalReason = 'arn-session' | 'arn-account' | 'arn-pattern' | 'arn-malformed';

const ROLE_OR_USER = /^arn:(aws[a-z-]{0,16}):iam::(\d{12}):(role|user)\/((?:[\w+=,.@-]+\/)*)([\w+=,.@-]{1,64})$/;

/** `text`: from configuration. The detail says what to write instead. */
export function parseIamPrincipal(text: string): Result<IamPrincipal, IamPrincipalReason> {
  const shown = `\`${text.slice(0, 200)}\``;
  if (/:assumed-role\//.test(text))
    return refuse('arn-session', `${shown} is a session; name its role, as \`aws iam get-role\` shows it`);
  if (text.includes('*') || text.includes('?'))
    return refuse('arn-pattern', `${shown} is a pattern; name each role by itself`);
  if (/^\d{12}$|:root$/.test(text))
    return refuse('arn-account', `${shown} is everybody in an account; name a role of it`);
  const [, partition, account, kind, path, name] = ROLE_OR_USER.exec(text) ?? [];
  if (partition === undefined)
    return refuse('arn-malformed', `${shown} is no ARN of a role or user, such as arn:aws:iam::111122223333:role/NAME`);
  const principal =
    kind === 'role'
      ? `arn:${partition}:iam::${account}:role/${name}`
      : `arn:${partition}:iam::${account}:user/${path}${name}`;
  return accept({ arn: text, principal });
}
