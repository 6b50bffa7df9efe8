/** The stack as a template, made in this process with folders that stand for the bundles. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FUNCTION_NAMES, type FunctionName } from '@postern/functions/access';
import type { CfnElement } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { BundleFolders } from '../bundle/bundle_functions.ts';
import type { Context } from '../context.ts';
import { createPosternApp, type PosternApp } from '../create_app.ts';
import type { Postern } from '../postern.ts';

export interface Resource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a template is whatever CloudFormation takes
  readonly Properties: { readonly [name: string]: any };
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

export interface Synthesised {
  readonly template: {
    readonly Resources: { readonly [id: string]: Resource };
    readonly Outputs: { readonly [name: string]: { readonly Value: unknown } };
    readonly Rules?: { readonly [name: string]: unknown };
  };
  readonly text: string;
  readonly postern: Postern;
  ofType(type: string): (Resource & { readonly id: string })[];
  /** Logical id of a construct's resource. */
  idOf(construct: IConstruct): string;
  /** Which function a value in the template points to, by its role or itself. */
  functionOf(value: unknown): FunctionName | undefined;
}

/** A caller of each kind, so that every resource policy is in the template. */
export const FULL_CONTEXT = {
  trustDomain: 'prod.example.org',
  administrators: { 'arn:aws:iam::111122223333:role/team/admins': ['security-administrator'] },
  enforcementPoints: 'arn:aws:iam::111122223333:role/proxy,arn:aws:iam::444455556666:role/other-account-proxy',
  ingestPrincipals: ['arn:aws:iam::111122223333:role/node'],
} as const;

/** `prepare`: before synthesis, such as adding a linter. */
export function synthesiseForTest(context: Context, prepare: (app: PosternApp) => void = () => {}): Synthesised {
  const folder = mkdtempSync(join(tmpdir(), 'postern-cdk-'));
  try {
    const made = createPosternApp({ bundles: standInBundles(folder), context, outFolder: join(folder, 'out') });
    prepare(made);
    const template = made.app.synth().getStackByName(made.stack.stackName).template as Synthesised['template'];
    return viewOf(made, template);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function viewOf({ stack }: PosternApp, template: Synthesised['template']): Synthesised {
  const postern = stack.node.findChild('Postern') as Postern;
  const idOf = (construct: IConstruct) => stack.getLogicalId(construct.node.defaultChild as CfnElement);
  const functionIds = new Map(
    FUNCTION_NAMES.flatMap((name) => {
      const { role, lambda } = postern.functionOf(name);
      return [idOf(role), idOf(lambda)].map((id) => [id, name] as const);
    }),
  );
  return {
    template,
    text: JSON.stringify(template),
    postern,
    ofType: (type) =>
      Object.entries(template.Resources).flatMap(([id, resource]) =>
        resource.Type === type ? [{ id, ...resource }] : [],
      ),
    idOf,
    functionOf: (value) => functionIds.get(referenceOf(value)?.id ?? ''),
  };
}

/** `Ref` and `Fn::GetAtt`, whole. */
export function referenceOf(value: unknown): { readonly id: string; readonly attribute?: string } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { Ref, 'Fn::GetAtt': attribute } = value as { Ref?: string; 'Fn::GetAtt'?: [string, string] };
  if (Ref !== undefined) return { id: Ref };
  return attribute === undefined ? undefined : { id: attribute[0], attribute: attribute[1] };
}

/** A value as one text: `<Id>`, `<Id.Attribute>` for what CloudFormation fills in. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const reference = referenceOf(value);
  if (reference !== undefined)
    return `<${reference.id}${reference.attribute === undefined ? '' : `.${reference.attribute}`}>`;
  const { 'Fn::Join': joined } = value as { 'Fn::Join'?: [string, unknown[]] };
  if (joined !== undefined) return joined[1].map(textOf).join(joined[0]);
  throw new TypeError(`cannot read ${JSON.stringify(value).slice(0, 200)}`);
}

export const listOf = (value: unknown): unknown[] => (value === undefined ? [] : [value].flat());

function standInBundles(folder: string): BundleFolders {
  return Object.fromEntries(
    FUNCTION_NAMES.map((name) => {
      const bundle = join(folder, name);
      mkdirSync(bundle);
      writeFileSync(join(bundle, 'index.mjs'), `export const handler = () => '${name}';\n`);
      return [name, bundle];
    }),
  ) as BundleFolders;
}
