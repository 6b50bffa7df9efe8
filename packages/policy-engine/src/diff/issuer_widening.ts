/** Whose word counts about people, and for how much. */
import type { TokenIssuer } from '../release/index.ts';
import type { Widening } from './widening.ts';

export function issuerWidenings(before: readonly TokenIssuer[], after: readonly TokenIssuer[]): Widening[] {
  const known = new Map(before.map((issuer) => [issuer.issuer, issuer]));
  return after.flatMap((issuer) => {
    const messages = messagesOf(known.get(issuer.issuer), issuer);
    return messages.map((message) => ({ code: 'issuer-trusted-more', subject: issuer.issuer, message }) as const);
  });
}

function messagesOf(before: TokenIssuer | undefined, after: TokenIssuer): string[] {
  if (before === undefined) return ['its tokens name people now'];
  const more = (what: string, left: readonly string[], right: readonly string[]) =>
    right.filter((item) => !left.includes(item)).map((item) => `${what} \`${item}\` is taken now`);
  const given = ({ groups }: TokenIssuer) => Object.entries(groups).map(([from, to]) => `${from}: ${to}`);
  return [
    ...more('the audience', before.audiences, after.audiences),
    ...more('the algorithm', before.algorithms, after.algorithms),
    ...more('the kind of token', before.tokens, after.tokens),
    ...more('the group', given(before), given(after)),
    ...more('as the claim of groups', claim(before.groupsClaim), claim(after.groupsClaim)),
    ...more('as the claim of the device', claim(before.deviceClaim), claim(after.deviceClaim)),
  ];
}

function claim(name: string | undefined): string[] {
  return name === undefined ? [] : [name];
}
