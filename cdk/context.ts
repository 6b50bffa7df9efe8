/** Values of a CDK application's context: text where they come from `-c KEY=VALUE`, JSON where from `cdk.json`. */

export type Context = { readonly [key: string]: unknown };

export interface ContextReader {
  problem(key: string, what: string): void;
  text(key: string): string | undefined;
  /** An array of texts, or one text with commas; empty when it is not given. */
  list(key: string): readonly string[];
  /** An object, or its JSON; empty when it is not given. */
  object(key: string): { readonly [member: string]: unknown };
  flag(key: string, otherwise: boolean): boolean;
  /** The first when it is not given. */
  oneOf<const Value extends string>(key: string, values: readonly [Value, ...Value[]]): Value;
  /** One line each, in the order they were found. */
  problems(): readonly string[];
}

/** What AWS's own tools put there has a `:`, `/` or `-` in its key. */
const OWN_KEY = /^[a-zA-Z]\w*$/;

/** A reader collects what is wrong and goes on. `known`: every key that may be there. */
export function createContextReader(context: Context, known: readonly string[]): ContextReader {
  const found = Object.keys(context)
    .filter((key) => OWN_KEY.test(key) && !known.includes(key))
    .map((key) => `\`${key}\` is none of ours; known are ${known.join(', ')}`);
  const problem = (key: string, what: string) => void found.push(`\`${key}\` ${what}`);
  const given = (key: string): unknown => (context[key] === '' ? undefined : (context[key] ?? undefined));

  function text(key: string): string | undefined {
    const value = given(key);
    if (value === undefined || typeof value === 'string') return value;
    problem(key, 'is a text');
    return undefined;
  }

  function list(key: string): readonly string[] {
    const value = given(key) ?? [];
    const members: unknown[] =
      typeof value === 'string' ? value.split(',').map((member) => member.trim()) : [value].flat();
    const texts = members.filter((member) => typeof member === 'string' && member !== '') as string[];
    if (texts.length < members.length) problem(key, 'is a list of texts, or one text with commas');
    return texts;
  }

  function object(key: string): { readonly [member: string]: unknown } {
    const value = given(key) ?? {};
    const parsed = typeof value === 'string' ? parseJson(value) : value;
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
    problem(key, `is a JSON object, as in \`-c '${key}={"…": …}'\``);
    return {};
  }

  function flag(key: string, otherwise: boolean): boolean {
    const value = given(key) ?? otherwise;
    if (value === true || value === 'true') return true;
    if (value !== false && value !== 'false') problem(key, 'is `true` or `false`');
    return false;
  }

  function oneOf<const Value extends string>(key: string, values: readonly [Value, ...Value[]]): Value {
    const value = given(key) ?? values[0];
    const known = values.find((any) => any === value);
    if (known === undefined) problem(key, `is one of ${values.join(', ')}`);
    return known ?? values[0];
  }

  return { problem, text, list, object, flag, oneOf, problems: () => found };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
