/** Envoy's own `.proto` files, as they are published, read by a general library: what our hand-made codec is held against. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';

const require = createRequire(import.meta.url);
const published = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
const folders = [
  ...['envoy-api', 'googleapis', 'xds', 'protoc-gen-validate'].map((name) => join(published, name)),
  dirname(require.resolve('protobufjs/package.json')),
];

/** Fields as named in the `.proto`. */
export function loadPublishedTypes(): { readonly request: protobuf.Type; readonly response: protobuf.Type } {
  const root = new protobuf.Root();
  root.resolvePath = (_, target) =>
    folders.map((folder) => join(folder, target)).find((path) => existsSync(path)) ?? target;
  root.loadSync('envoy/service/auth/v3/external_auth.proto', { keepCase: true });
  const response = root.lookupType('envoy.service.auth.v3.CheckResponse');
  // Newer than the published copy (X14).
  response.add(new protobuf.Field('error_response', 5, 'DeniedHttpResponse'));
  return { request: root.lookupType('envoy.service.auth.v3.CheckRequest'), response };
}
