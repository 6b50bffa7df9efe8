/** Who may be told what a policy says: `@tell("caller")`, else only the operator. */

/** `caller`: whoever asked may know `@reason` and which conditions were in the way, with the values of the own request. */
export type Audience = 'caller' | 'operator';

/** `undefined` for an annotation that means nothing, which then tells nobody but the operator. */
export function parseTell(annotation: string | undefined): Audience | undefined {
  if (annotation === undefined) return 'operator';
  return annotation === 'caller' ? annotation : undefined;
}

export function audienceOf(annotations: { readonly [name: string]: string }): Audience {
  return parseTell(Object.hasOwn(annotations, 'tell') ? annotations['tell'] : undefined) ?? 'operator';
}
