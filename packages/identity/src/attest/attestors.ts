/** Every kind of attestor, a row each. A new platform is a new row, and a shape in `attestor_instance.ts`. */
import type { Attestor } from './attestor.ts';
import type { AttestorKind } from './attestor_instance.ts';
import { awsEc2 } from './aws_ec2.ts';
import { awsIam } from './aws_iam.ts';
import { awsSts } from './aws_sts.ts';
import { joinToken } from './join_token.ts';
import { k8s } from './k8s.ts';
import { oidc } from './oidc.ts';
import { x509Svid } from './x509_svid.ts';

export const ATTESTORS: { readonly [K in AttestorKind]: Attestor<K> } = {
  'aws-iam': awsIam,
  'aws-sts': awsSts,
  'aws-ec2': awsEc2,
  k8s,
  oidc,
  'x509-svid': x509Svid,
  'join-token': joinToken,
};
