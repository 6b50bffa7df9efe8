/**
 * What `cdk synth --app 'node test/kit/cloud/synthesise.ts FOLDER'` runs: the stack as `cdk/app.ts` makes it, with its
 * bundles below FOLDER, so that two deployments at once do not take each other's files away.
 */
import { bundleFunctions, foldersOf } from '@postern/cdk/bundle/bundle_functions';
import { createPosternApp } from '@postern/cdk/create_app';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new TypeError('no folder for the bundles is given');
const bundles = foldersOf(await bundleFunctions(undefined, { folder }));
createPosternApp({ bundles }).app.synth();
