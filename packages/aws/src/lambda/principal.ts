/** IAM principals in one form, in which configuration names them and calls are compared with it. */

const ASSUMED_ROLE = /^arn:(aws[a-z-]{0,16}):sts::(\d{12}):assumed-role\/([\w+=,.@-]{1,64})\/[\w+=,.@-]{2,64}$/;
const USER = /^arn:aws[a-z-]{0,16}:iam::\d{12}:user\/(?:[\x21-\x7e]{1,511}\/)?[\w+=,.@-]{1,64}$/;

/**
 * `userArn`: of a verified request. A role is `arn:PARTITION:iam::ACCOUNT:role/NAME` whatever its session, which the
 * caller chooses, and without its path, which this ARN does not carry (names are unique in an account without it). An IAM
 * user is its own ARN. Undefined for everybody else: root users, federated users, services.
 */
export function principalOf(userArn: string): string | undefined {
  const role = ASSUMED_ROLE.exec(userArn);
  if (role !== null) return `arn:${role[1]}:iam::${role[2]}:role/${role[3]}`;
  return USER.test(userArn) ? userArn : undefined;
}
