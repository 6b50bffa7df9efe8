/** From sources to what is deployed: bundles, template, and the files that go with it. */
import { AssetManifestArtifact } from 'aws-cdk-lib/cx-api';
import type { Bundle } from './bundle/bundle_function.ts';
import { bundleFunctions, foldersOf } from './bundle/bundle_functions.ts';
import type { Context } from './context.ts';
import { createPosternApp } from './create_app.ts';

export interface SynthesisOptions {
  /** See `CONFIGURATION_KEYS`; over that of `cdk.json`. */
  readonly context?: Context;
  /** Where the template goes, as the CDK's command line reads it: `cdk deploy --app FOLDER`. */
  readonly outFolder: string;
  /** Default: `.build`. */
  readonly buildFolder?: string;
  readonly onBundle?: (bundle: Bundle) => void;
}

/** A folder that the template expects as a zip, under this key of the bucket that `cdk bootstrap` made. */
export interface Asset {
  readonly folder: string;
  /** Holds `${AWS::AccountId}` and `${AWS::Region}`. */
  readonly bucket: string;
  readonly objectKey: string;
}

export interface Synthesis {
  readonly stackName: string;
  readonly templateFile: string;
  readonly template: Template;
  readonly assets: readonly Asset[];
  /** What the stack has to say to who made it. */
  readonly notes: readonly string[];
}

export interface Template {
  readonly Rules?: { readonly [name: string]: unknown };
  readonly Resources: { readonly [id: string]: { readonly Type: string; readonly [member: string]: unknown } };
  readonly Outputs: { readonly [name: string]: { readonly Value: unknown; readonly Description: string } };
}

/** Throws `BundleRefused` and `ConfigurationInvalid`. */
export async function synthesise(options: SynthesisOptions): Promise<Synthesis> {
  const { context = {}, outFolder, buildFolder: folder, onBundle } = options;
  const bundled = await bundleFunctions(undefined, folder === undefined ? {} : { folder }, onBundle);
  const { app, stack } = createPosternApp({ bundles: foldersOf(bundled), context, outFolder });
  const assembly = app.synth();
  const { templateFullPath, template, messages } = assembly.getStackByName(stack.stackName);
  const notes = messages.map(({ entry }) => String(entry.data));
  const manifests = assembly.artifacts.filter((artifact) => artifact instanceof AssetManifestArtifact);
  const files = manifests.flatMap(({ contents }) => Object.values(contents.files ?? {}));
  const assets = files.flatMap(({ source, destinations }) => {
    const [destination] = Object.values(destinations);
    if (source.packaging !== 'zip' || source.path === undefined || destination === undefined) return [];
    const { bucketName: bucket, objectKey } = destination;
    return [{ folder: `${assembly.directory}/${source.path}`, bucket, objectKey }];
  });
  return { stackName: stack.stackName, templateFile: templateFullPath, template: template as Template, assets, notes };
}
