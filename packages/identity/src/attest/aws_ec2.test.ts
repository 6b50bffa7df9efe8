/** Instance identity documents, signed by OpenSSL with a test certificate in every form that a signer may choose. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AttestorInstance } from './attestor_instance.ts';
import { DOCUMENT_REGIONS, documentKeyOf } from './ec2_document_keys.ts';
import { type AttestWorld, createAttestWorld } from './testing/attest_world.ts';
import { type Certified, createCertificate, missingOpenSsl, signAgain, signDocument } from './testing/openssl.ts';

const ACCOUNT = '123456789012';
const REGION = 'test-east-1';
let aws: Certified;
let rogue: Certified;
let world: AttestWorld;
let ec2: AttestorInstance;

const settings = (change: object = {}) => ({
  kind: 'aws-ec2',
  accounts: [ACCOUNT],
  certificates: { [REGION]: aws.certificate },
  ...change,
});

/** As IMDS answers it (Amazon EC2 User Guide, "Instance identity documents"). */
const document = (change: object = {}) =>
  JSON.stringify(
    {
      accountId: ACCOUNT,
      architecture: 'x86_64',
      availabilityZone: `${REGION}a`,
      billingProducts: null,
      devpayProductCodes: null,
      marketplaceProductCodes: null,
      imageId: 'ami-5fb8c835',
      instanceId: 'i-1234567890abcdef0',
      instanceType: 't2.micro',
      kernelId: null,
      pendingTime: new Date(world.clock.nowMs() - 30_000).toISOString().replace('.000', ''),
      privateIp: '10.158.112.84',
      ramdiskId: null,
      region: REGION,
      version: '2017-09-30',
      ...change,
    },
    undefined,
    2,
  );

describe.skipIf(missingOpenSsl !== undefined)('a document of EC2', () => {
  beforeAll(() => {
    [aws, rogue] = [createCertificate(), createCertificate()];
  });
  beforeEach(() => {
    world = createAttestWorld();
    ec2 = world.instance(settings());
  });

  const forms: [form: string, flags: readonly string[]][] = [
    ['with its certificates', []],
    ['without any', ['-nocerts']],
    ['in indefinite lengths, as the metadata service answers it', ['-stream', '-nocerts']],
    ['without signed attributes', ['-noattr']],
    ['with its key named by an identifier', ['-keyid']],
  ];
  test.each(forms)('%s is the machine', async (_, flags) => {
    const proof = signDocument(document(), aws, flags);
    expect(await world.show(ec2, { proof })).toEqual([
      `aws:account:${ACCOUNT}`,
      'aws:architecture:x86_64',
      'aws:image:ami-5fb8c835',
      'aws:instance:i-1234567890abcdef0',
      'aws:instance_type:t2.micro',
      'aws:private_ip:10.158.112.84',
      `aws:region:${REGION}`,
      `aws:zone:${REGION}a`,
    ]);
  });

  test('is read in lines and between the words of PEM', async () => {
    const lines = signDocument(document(), aws).replace(/(.{64})/g, '$1\n');
    const proof = `-----BEGIN PKCS7-----\n${lines}\n-----END PKCS7-----\n`;
    expect(await world.show(ec2, { proof })).toContain('aws:instance:i-1234567890abcdef0');
  });

  test('makes one identity in the life of a machine, however many documents AWS signs for it', async () => {
    expect(await world.show(ec2, { proof: signDocument(document(), aws) })).toContain(`aws:account:${ACCOUNT}`);
    expect(await world.show(ec2, { proof: signDocument(document(), aws) })).toBe('proof-replayed');
    const next = signDocument(document({ instanceId: 'i-00000000000000001' }), aws);
    expect(await world.show(ec2, { proof: next })).toContain('aws:instance:i-00000000000000001');
  });

  const at = (offsetMs: number) => new Date(world.clock.nowMs() + offsetMs).toISOString().replace('.000', '');
  const rows: [what: string, reason: string, make: () => string | undefined][] = [
    ['nothing', 'proof-missing', () => undefined],
    ['the document without its signature', 'document-malformed', () => Buffer.from(document()).toString('base64')],
    ['what is no base64', 'document-malformed', () => document()],
    ['an oversized one', 'proof-too-large', () => 'A'.repeat(17_000)],
    ['a signature by anybody else', 'document-signature', () => signDocument(document(), rogue)],
    [
      'a signature by anybody else, without signed attributes',
      'document-signature',
      () => signDocument(document(), rogue, ['-noattr']),
    ],
    ['a changed document', 'document-signature', () => changed()],
    ['a SHA-1 digest', 'document-malformed', () => signDocument(document(), aws, ['-md', 'sha1'])],
    [
      'an RSA-PSS signature',
      'document-malformed',
      () => signDocument(document(), aws, ['-keyopt', 'rsa_padding_mode:pss']),
    ],
    [
      'a content of another type',
      'document-malformed',
      () => signDocument(document(), aws, ['-econtent_type', '1.2.3.4']),
    ],
    [
      'a Region that we have no key of',
      'document-region-unknown',
      () => signDocument(document({ region: 'mars-east-1' }), aws),
    ],
    [
      'a Region that every object has',
      'document-region-unknown',
      () => signDocument(document({ region: 'constructor' }), aws),
    ],
    [
      'a Region whose key it is not signed by',
      'document-signature',
      () => signDocument(document({ region: 'eu-central-1' }), aws),
    ],
    ['another account', 'account-not-admitted', () => signDocument(document({ accountId: '210987654321' }), aws)],
    [
      'an account that is a number',
      'account-not-admitted',
      () => signDocument(document({ accountId: 123456789012 }), aws),
    ],
    [
      'a machine that started eleven minutes ago',
      'document-too-old',
      () => signDocument(document({ pendingTime: at(-11 * 60_000) }), aws),
    ],
    [
      'a machine that starts in two minutes',
      'document-not-yet-valid',
      () => signDocument(document({ pendingTime: at(120_000) }), aws),
    ],
    [
      'a machine that never started',
      'document-malformed',
      () => signDocument(document({ pendingTime: undefined }), aws),
    ],
    [
      'a machine that is a path',
      'document-malformed',
      () => signDocument(document({ instanceId: 'i-1/../../admin' }), aws),
    ],
    [
      'members named twice',
      'document-malformed',
      () => signDocument(document().replace('{', '{"accountId":"123456789012",'), aws),
    ],
    ['what is no document', 'document-malformed', () => signDocument('hello', aws)],
  ];
  test.each(rows)('of %s is refused', async (_, reason, make) => {
    expect(await world.show(ec2, { proof: make() })).toBe(reason);
  });

  /** One byte of the content, under the signature of the whole. */
  function changed(): string {
    const bytes = Buffer.from(signDocument(document(), aws), 'base64');
    bytes[bytes.indexOf(ACCOUNT)] = '2'.charCodeAt(0);
    return bytes.toString('base64');
  }

  test('signed twice is refused: one reader would check the first signer and another the second', async () => {
    const proof = signAgain(signDocument(document(), aws), rogue);
    expect(await world.show(ec2, { proof })).toBe('document-malformed');
  });

  test('of a Region that settings exclude is refused', async () => {
    const elsewhere = world.instance(settings({ regions: ['eu-central-1'] }));
    expect(await world.show(elsewhere, { proof: signDocument(document(), aws) })).toBe('region-not-admitted');
  });

  test('cannot be signed for a Region that is built in by a certificate that settings give', async () => {
    const given = world.instance(settings({ certificates: { 'eu-central-1': aws.certificate } }));
    const proof = signDocument(document({ region: 'eu-central-1' }), aws);
    expect(await world.show(given, { proof })).toBe('document-signature');
  });
});

test('every Region that is built in has an RSA key of 2,048 bits, and no two the same', () => {
  const spkis = DOCUMENT_REGIONS.map((region) => {
    const key = documentKeyOf(region);
    expect(key?.asymmetricKeyDetails, region).toMatchObject({ modulusLength: 2048, publicExponent: 65537n });
    return key?.export({ format: 'der', type: 'spki' }).toString('hex');
  });
  expect(new Set(spkis).size).toBe(DOCUMENT_REGIONS.length);
});
