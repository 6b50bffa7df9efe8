/** What `cdk.json` names: `npx cdk synth`, `diff` and `deploy` run this. Functions are bundled first, from the sources. */
import { bundleFunctions, foldersOf } from './bundle/bundle_functions.ts';
import { BundleRefused } from './bundle/check_contents.ts';
import { ConfigurationInvalid } from './configuration.ts';
import { createPosternApp } from './create_app.ts';

try {
  const bundles = foldersOf(await bundleFunctions());
  createPosternApp({ bundles }).app.synth();
} catch (fault) {
  if (!(fault instanceof ConfigurationInvalid || fault instanceof BundleRefused)) throw fault;
  process.stderr.write(`${fault.message}\n`);
  process.exitCode = 1;
}
