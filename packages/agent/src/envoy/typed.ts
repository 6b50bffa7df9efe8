/** Envoy's configuration is protobuf written as JSON: objects whose type is named where any type may stand. */
export type Config = { readonly [field: string]: unknown };

const PREFIX = 'type.googleapis.com/';

/** A `google.protobuf.Any`. `type`: without prefix, such as `envoy.extensions.filters.http.router.v3.Router`. */
export function typed(type: string, fields: Config = {}): Config {
  return { '@type': `${PREFIX}${type}`, ...fields };
}

/** An extension by its name and configuration. */
export function extension(name: string, type: string, fields: Config = {}): Config {
  return { name, typed_config: typed(type, fields) };
}

export const seconds = (count: number): string => `${count}s`;
