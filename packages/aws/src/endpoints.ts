/** Where the services are: AWS's own regional endpoints, or what the standard variables name in their place. */

export type ServiceName = 'dynamodb' | 'kms' | 's3' | 'secretsmanager';
export type Environment = { readonly [variable: string]: string | undefined };

const OVERRIDES: { readonly [Name in ServiceName]: string } = {
  dynamodb: 'AWS_ENDPOINT_URL_DYNAMODB',
  kms: 'AWS_ENDPOINT_URL_KMS',
  s3: 'AWS_ENDPOINT_URL_S3',
  secretsmanager: 'AWS_ENDPOINT_URL_SECRETS_MANAGER',
};

/** It becomes part of a host name. */
const REGION = /^[a-z0-9-]{1,64}$/;

/** From AWS_REGION, which Lambda sets, or AWS_DEFAULT_REGION. */
export function findRegion(environment: Environment): string | undefined {
  return textOf(environment['AWS_REGION']) ?? textOf(environment['AWS_DEFAULT_REGION']);
}

/** A stand-in: it has one host for everything, so that buckets are addressed by path there. */
export function findEndpointOverride(service: ServiceName, environment: Environment): string | undefined {
  return textOf(environment[OVERRIDES[service]]) ?? textOf(environment['AWS_ENDPOINT_URL']);
}

/** Throws a TypeError for what is no Region. */
export function regionalEndpoint(service: ServiceName, region: string, environment: Environment): string {
  if (!REGION.test(region)) throw new TypeError(`\`${region.slice(0, 64)}\` is not a Region`);
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const variant = environment['AWS_USE_FIPS_ENDPOINT']?.toLowerCase() === 'true' ? '-fips' : '';
  return `https://${service}${variant}.${region}.${suffix}`;
}

function textOf(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
