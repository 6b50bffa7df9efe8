/** Which of our agents and attestors the parents of another system are: `FROM=TO`, as it is given on the command line. */
import { InvalidArgumentError } from 'commander';

/** A pattern, then a SPIFFE ID of ours. */
export type ParentMap = readonly (readonly [from: string, to: string])[];

const TO = /^spiffe:\/\/[a-z0-9._-]{1,255}\/postern\/(?:agent|attestor)\/[A-Za-z0-9._-]{1,128}$/;

/** `FROM`: a SPIFFE ID, or what one begins with and `*`. */
export function collectParent(text: string, before: ParentMap | undefined): ParentMap {
  const [, from = '', to = ''] = /^(spiffe:\/\/[^=]{1,2048})=(.+)$/.exec(text) ?? [];
  const star = from.indexOf('*');
  if (!TO.test(to) || (star >= 0 && star !== from.length - 1))
    throw new InvalidArgumentError(
      'It is FROM=TO: a SPIFFE ID, or the beginning of one and *; and spiffe://TRUST-DOMAIN/postern/agent/NAME or …/attestor/NAME.',
    );
  return [...(before ?? []), [from, to]];
}

/** The longest pattern that fits decides, whatever their order. */
export function parentOf(parents: ParentMap, id: string): string | undefined {
  let [longest, found] = [-1, undefined as string | undefined];
  for (const [from, to] of parents) {
    const isFit = from.endsWith('*') ? id.startsWith(from.slice(0, -1)) : id === from;
    const length = from.endsWith('*') ? from.length - 1 : from.length + 1;
    if (isFit && length > longest) [longest, found] = [length, to];
  }
  return found;
}
