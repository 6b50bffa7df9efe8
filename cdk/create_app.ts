/** The CDK application, for the CDK's own command line, for `npm run synth`, for the local deployment and for tests. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import type { BundleFolders } from './bundle/bundle_functions.ts';
import { readConfiguration } from './configuration.ts';
import type { Context } from './context.ts';
import { repositoryFolder } from './places.ts';
import { PosternStack } from './stack.ts';

export interface PosternAppOptions {
  readonly bundles: BundleFolders;
  /** Over that of `cdk.json`, which the CDK's command line hands over by itself. */
  readonly context?: Context;
  /** Where the template and what goes with it is written; default: where the CDK's command line says. */
  readonly outFolder?: string;
}

export interface PosternApp {
  readonly app: App;
  readonly stack: PosternStack;
}

/** Throws `ConfigurationInvalid`. Nothing is written before `app.synth()`. */
export function createPosternApp({ bundles, context, outFolder }: PosternAppOptions): PosternApp {
  const app = new App({
    context: { ...readCdkJson().context, ...context },
    // Else the template holds which constructs made it, for AWS to count.
    analyticsReporting: false,
    ...(outFolder !== undefined && { outdir: outFolder }),
  });
  const configuration = readConfiguration(app.node.getAllContext() as Context);
  const stack = new PosternStack(app, configuration.stackName, { configuration, bundles });
  return { app, stack };
}

function readCdkJson(): { readonly context: Context } {
  return JSON.parse(readFileSync(join(repositoryFolder, 'cdk.json'), 'utf8')) as { context: Context };
}
