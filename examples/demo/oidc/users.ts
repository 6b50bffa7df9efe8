/** A person of the demonstration, under the names that the tokens use. */
export type DevelopmentUser = {
  sub: string;
  email: string;
  groups: readonly string[];
  /** The device that this person signs in from, as device management knows it. */
  device_id?: string;
};

/** What a sign-in says of itself. A past `authTimeSecondsAgo` is how a sign-in that is too old is shown. */
export type SignIn = {
  sub: string;
  authTimeSecondsAgo?: number;
  /** Authentication context class reference: how strong the sign-in was. */
  acr?: string;
  /** Authentication methods (RFC 8176), such as `pwd`, `hwk`, `mfa`. */
  amr?: readonly string[];
};
