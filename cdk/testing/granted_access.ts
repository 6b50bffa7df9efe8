/**
 * A template's policies read back into rows like those of `ACCESS`, by what AWS would allow: a key is used by whom its
 * policy names, or by whom it leaves to IAM and IAM allows. What is not understood is an answer of its own, so that a
 * grant of another form is found and not overlooked.
 */
import { FUNCTION_NAMES, type FunctionName, OBJECT_FOLDERS, PARTITIONS } from '@postern/functions/access';
import { listOf, type Synthesised, textOf } from './synthesised.ts';

export interface Statement {
  readonly Effect: string;
  readonly Action: unknown;
  readonly Resource: unknown;
  readonly Principal?: { readonly [kind: string]: unknown };
  readonly Condition?: { readonly [operator: string]: { readonly [key: string]: unknown } };
}

/** `kind` and `name` of what may be used, as `sign root` or `read feed`. */
export interface GrantedAccess {
  readonly grants: ReadonlyMap<FunctionName, readonly string[]>;
  readonly notUnderstood: readonly string[];
}

const KEY_USES: { readonly [action: string]: string } = {
  'kms:Sign': 'sign',
  'kms:GetPublicKey': 'public',
  'kms:GenerateMac': 'mac',
};
/** Below the prefix of the one trust domain, whatever the account and the Region. */
const ATTESTOR_SECRETS =
  /^arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:postern\/prod\.example\.org\/attestor\/\*$/;
const KEYS_OF_ACCOUNT = /^arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:key\/\*$/;
const OWN_TAGS = {
  'aws:RequestTag/PosternDeployment': 'Postern',
  'aws:RequestTag/PosternKey': ['root', 'issuer', 'jwt'],
};
const SUCCESSORS = [
  {
    use: 'make successors',
    verb: 'kms:CreateKey',
    resource: /^\*$/,
    condition: { StringEquals: { ...OWN_TAGS, 'kms:KeyUsage': 'SIGN_VERIFY' } },
  },
  {
    use: 'tag successors',
    verb: 'kms:TagResource',
    resource: KEYS_OF_ACCOUNT,
    condition: {
      StringEquals: OWN_TAGS,
      'ForAllValues:StringEquals': { 'aws:TagKeys': ['PosternDeployment', 'PosternKey'] },
    },
  },
  {
    use: 'name successors',
    verb: 'kms:CreateAlias',
    resource: /^arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:alias\/Postern\/(?:root|issuer|jwt)-\*$/,
    condition: {},
  },
  {
    use: 'give successors names',
    verb: 'kms:CreateAlias',
    resource: KEYS_OF_ACCOUNT,
    condition: { StringEquals: { 'aws:ResourceTag/PosternDeployment': 'Postern' } },
  },
  { use: 'read policies of first keys', verb: 'kms:GetKeyPolicy', resource: /^</, condition: {} },
] as const;
const TABLE_USES: { readonly [actions: string]: string } = {
  'dynamodb:ConditionCheckItem,dynamodb:GetItem,dynamodb:Query': 'read',
  'dynamodb:PutItem,dynamodb:UpdateItem': 'write',
  'dynamodb:DeleteItem': 'delete',
};

export function grantedAccess(synthesised: Synthesised): GrantedAccess {
  const { ofType, functionOf, postern, idOf } = synthesised;
  const notUnderstood: string[] = [];
  const grants = new Map<FunctionName, Set<string>>(FUNCTION_NAMES.map((name) => [name, new Set()]));
  const table = `<${ofType('AWS::DynamoDB::GlobalTable')[0]?.id}.Arn>`;
  const bucket = `<${ofType('AWS::S3::Bucket')[0]?.id}.Arn>`;
  const [secret] = ofType('AWS::SecretsManager::Secret');
  const asked = new Map(
    (['rotate', 'issue'] as const).map((it) => [`<${idOf(postern.functionOf(it).lambda)}.Arn>`, it]),
  );
  const keyNames = new Map(
    ofType('AWS::KMS::Key').map(({ id }) => [`<${id}.Arn>`, /^PosternKeys([a-z]+)/.exec(id)?.[1] ?? id]),
  );

  for (const policy of ofType('AWS::IAM::Policy')) {
    const names = listOf(policy.Properties['Roles']).map(functionOf);
    const [name] = names;
    if (names.length !== 1 || name === undefined) notUnderstood.push(`${policy.id} is of ${names.length} roles`);
    else for (const statement of statementsOf(policy.Properties['PolicyDocument'])) read(name, statement);
  }
  for (const key of ofType('AWS::KMS::Key')) {
    for (const { Action, Principal } of statementsOf(key.Properties['KeyPolicy']))
      for (const principal of listOf(Principal?.['AWS']))
        for (const action of listOf(Action)) useKey(functionOf(principal), String(action), `<${key.id}.Arn>`);
  }
  return { grants: new Map([...grants].map(([name, uses]) => [name, [...uses].sort()])), notUnderstood };

  function read(name: FunctionName, statement: Statement): void {
    const actions = listOf(statement.Action).map(String).sort();
    const resources = listOf(statement.Resource).map(textOf);
    const uses = usesOf(name, actions, resources, statement.Condition ?? {});
    const isUnderstood = statement.Effect === 'Allow' && uses !== undefined;
    if (!isUnderstood) notUnderstood.push(`${name}: ${JSON.stringify(statement)}`);
    else for (const use of uses) grants.get(name)?.add(use);
  }

  function usesOf(
    name: FunctionName,
    actions: readonly string[],
    resources: readonly string[],
    condition: NonNullable<Statement['Condition']>,
  ): string[] | undefined {
    const [resource = ''] = resources;
    const isOne = resources.length === 1;
    const isAlways = Object.keys(condition).length === 0;
    const verb = actions.join();
    // What the role's own policy says of a key counts where the key leaves it to IAM, and shall say no more than the key.
    if (isOne && isAlways && keyNames.has(resource) && actions.every((action) => KEY_USES[action] !== undefined))
      return actions.map((action) => `${KEY_USES[action]} ${keyNames.get(resource)}`);
    if (isOne && resource === table && TABLE_USES[verb] !== undefined)
      return partitionsOf(onlyCondition(condition, 'ForAllValues:StringLike', 'dynamodb:LeadingKeys'))?.map(
        (partition) => `${TABLE_USES[verb]} ${partition}`,
      );
    if (isAlways && verb === 's3:GetObject') return foldersOf(resources, `${bucket}/`, 'get');
    if (isAlways && verb === 's3:PutObject') return foldersOf(resources, `${bucket}/`, 'put');
    if (isOne && verb === 's3:ListBucket' && resource === bucket)
      return foldersOf(onlyCondition(condition, 'StringLikeIfExists', 's3:prefix'), '', 'list');
    if (isOne && isAlways && verb === 'secretsmanager:GetSecretValue' && resource === `<${secret?.id}>`)
      return ['secret posture-webhook'];
    if (isOne && isAlways && verb === 'secretsmanager:GetSecretValue' && ATTESTOR_SECRETS.test(resource))
      return ['secrets of attestors'];
    const isOfFunctions = resources.length > 0 && resources.every((any) => asked.has(any));
    if (isOfFunctions && verb === 'lambda:InvokeFunctionUrl')
      return onlyCondition(condition, 'StringEquals', 'lambda:FunctionUrlAuthType').join() === 'AWS_IAM'
        ? resources.map((any) => `ask ${asked.get(any)}`)
        : undefined;
    if (isOfFunctions && verb === 'lambda:InvokeFunction')
      return onlyCondition(condition, 'Bool', 'lambda:InvokedViaFunctionUrl').join() === 'true'
        ? resources.map((any) => `invoke ${asked.get(any)} through its url`)
        : undefined;
    if (verb.startsWith('kms:')) return successorsOf(verb, resources, condition);
    const log = `<${idOf(postern.functionOf(name).node.findChild('Log'))}.Arn>`;
    if (isOne && verb === 'logs:CreateLogStream,logs:PutLogEvents' && resource === log) return ['log'];
    return undefined;
  }

  /** What it takes to make a later generation: five statements, each no wider than it is here. */
  function successorsOf(
    verb: string,
    resources: readonly string[],
    condition: NonNullable<Statement['Condition']>,
  ): string[] | undefined {
    const found = SUCCESSORS.find(
      (any) =>
        any.verb === verb &&
        JSON.stringify(any.condition) === JSON.stringify(condition) &&
        resources.every((resource) => any.resource.test(resource)),
    );
    if (found === undefined) return undefined;
    const isFirst = (resource: string) => keyNames.has(resource);
    if (verb === 'kms:GetKeyPolicy') return resources.every(isFirst) ? ['read policies of first keys'] : undefined;
    return [found.use];
  }

  /** The account's own statement says what its administrators may do, which is no use of the key. */
  function useKey(name: FunctionName | undefined, action: string, key: string): void {
    const use = KEY_USES[action];
    if (name === undefined && use !== undefined) notUnderstood.push(`${action} of ${key} by somebody else`);
    if (name === undefined) return;
    if (use === undefined) notUnderstood.push(`${name} has ${action} of ${key}`);
    else grants.get(name)?.add(`${use} ${keyNames.get(key)} by the key`);
  }
}

export function statementsOf(document: { readonly Statement: unknown }): Statement[] {
  return listOf(document.Statement) as Statement[];
}

/** The values of a condition that is the only one; none where there is another, or no such. */
function onlyCondition(condition: NonNullable<Statement['Condition']>, operator: string, key: string): string[] {
  const keys = Object.entries(condition).flatMap(([of, values]) => Object.keys(values).map((any) => `${of} ${any}`));
  return keys.length === 1 && keys[0] === `${operator} ${key}` ? listOf(condition[operator]?.[key]).map(String) : [];
}

/** Names of partitions whose patterns are there; nothing where one is left over that makes no whole. */
function partitionsOf(patterns: readonly string[]): string[] | undefined {
  const given = new Set(patterns);
  const whole = Object.entries(PARTITIONS).filter(([, keys]) => keys.every((key) => given.has(key)));
  const isEveryOne = given.size === new Set(whole.flatMap(([, keys]) => [...keys])).size;
  return isEveryOne && given.size > 0 ? whole.map(([name]) => name) : undefined;
}

function foldersOf(patterns: readonly string[], before: string, use: string): string[] | undefined {
  const folders = patterns.map((pattern) => {
    return Object.entries(OBJECT_FOLDERS).find(([, prefix]) => pattern === `${before}${prefix}*`)?.[0];
  });
  const areKnown = folders.length > 0 && folders.every((folder) => folder !== undefined);
  return areKnown ? folders.map((folder) => `${use} ${folder}`) : undefined;
}
