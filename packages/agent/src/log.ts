/** Structured logging as a port: the edge decides where lines go. Never a token, a key or a header value in it. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type LogFields = { readonly [field: string]: string | number | boolean | undefined };

/** `event`: stable kebab-case, such as `svid-renewed`. */
export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;

export const silent: Log = () => {};
