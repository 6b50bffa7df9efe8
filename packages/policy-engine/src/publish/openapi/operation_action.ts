/** The action that an operation becomes, with its groups: from the operation's own words. */
import { isScalar, isSeq, type Node } from 'yaml';
import { ACTION_NAME, MAX_NAME_CHARS, NAME } from '../../release/names.ts';
import type { UserRequirement } from '../../release/release.ts';
import { type Decode, listOf, oneOf, report, text, type YamlFile } from '../yaml_reader.ts';
import { type Mapping, memberOf } from './document.ts';
import type { Operation } from './path_items.ts';

export interface OperationAction {
  readonly action: string;
  readonly groups: readonly string[];
  readonly user?: UserRequirement;
}

const MAX_GROUPS = 50;

/** What stands in an operation for us alone (OpenAPI 3.1, 4.9). */
const EXTENSIONS = {
  'x-postern-action': text({
    what: 'an action name such as `refund`',
    check: (name) => ACTION_NAME.test(name),
    maxChars: MAX_NAME_CHARS,
  }),
  'x-postern-groups': listOf(
    text({
      what: 'a group of lower-case letters, digits, `-` and `_`',
      check: (name) => NAME.test(name),
      maxChars: MAX_NAME_CHARS,
    }),
    { max: MAX_GROUPS },
  ),
  'x-postern-user': oneOf('required', 'optional', 'none'),
};

type Extensions = { readonly [K in keyof typeof EXTENSIONS]?: ReturnType<(typeof EXTENSIONS)[K]> };

/** `path`: as written in the document. Reports what cannot be a name, and extensions that are misspelt. */
export function actionOf(operation: Operation, path: string, file: YamlFile): OperationAction | undefined {
  const { node, method, methodNode } = operation;
  const extensions = extensionsOf(node, file);
  const given = memberOf(node, 'operationId');
  const id = isScalar(given) && typeof given.value === 'string' ? given.value : `${method.toLowerCase()} ${path}`;
  const action = extensions['x-postern-action'] ?? nameOf(id);
  if (!ACTION_NAME.test(action) || action.length > MAX_NAME_CHARS) {
    const why = `\`${id.slice(0, 128)}\` makes no action name of 1 to ${MAX_NAME_CHARS} characters`;
    return report(file, 'openapi-operation', given ?? methodNode, `${why}; name it with \`x-postern-action\``);
  }
  const user = extensions['x-postern-user'];
  return { action, groups: extensions['x-postern-groups'] ?? groupsOf(node), ...(user !== undefined && { user }) };
}

function extensionsOf(node: Mapping, file: YamlFile): Extensions {
  const values: { [name: string]: unknown } = {};
  for (const { key, value } of node.items) {
    const name = isScalar(key) && typeof key.value === 'string' ? key.value : '';
    if (!name.startsWith('x-postern-')) continue;
    if (!Object.hasOwn(EXTENSIONS, name)) {
      report(file, 'yaml-key-unknown', key, `unknown extension; known are ${Object.keys(EXTENSIONS).join(', ')}`);
      continue;
    }
    const decode: Decode<unknown> = EXTENSIONS[name as keyof Extensions];
    values[name] = decode(value, file);
  }
  return values as Extensions;
}

/** Whatever a name cannot have becomes one `-`: `repos/list-all` is `repos-list-all`, `get /refunds/{id}` is `get-refunds-id`. */
function nameOf(text: string): string {
  return text
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/[._-]{2,}/g, '-')
    .replace(/^[._-]+|[._-]+$/g, '');
}

/** A tag that leaves no letter makes no group. */
function groupsOf(node: Mapping): readonly string[] {
  const tags = memberOf(node, 'tags');
  const texts = isSeq<Node>(tags) ? tags.items.map((tag) => (isScalar(tag) ? String(tag.value) : '')) : [];
  const names = texts.map((tag) => nameOf(tag.toLowerCase()).replaceAll('.', '-').slice(0, MAX_NAME_CHARS));
  return [...new Set(names.filter((name) => NAME.test(name)))].slice(0, MAX_GROUPS);
}
