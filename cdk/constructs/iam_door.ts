/**
 * A door that IAM guards: a function URL that takes signed requests only. Who may invoke the function in any other way
 * could write the request context himself, and be any principal: each grant here holds for the URL alone
 * (`lambda:InvokedViaFunctionUrl`), and there is none besides.
 *
 * A role of the same account whose own policy says `lambda:*` passes the URL too; that is the account's to say. It is
 * nobody to the function then, which compares the principal with those it was told.
 */
import { ArnPrincipal } from 'aws-cdk-lib/aws-iam';
import { FunctionUrl, FunctionUrlAuthType, InvokeMode } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { IamPrincipal } from '../iam_principal.ts';
import type { PosternFunction } from './postern_function.ts';

export class IamDoor extends Construct {
  readonly #to: PosternFunction;
  readonly #url: FunctionUrl;

  /** Below the function that it leads to. */
  constructor(to: PosternFunction) {
    super(to, 'Door');
    this.#to = to;
    this.#url = new FunctionUrl(this, 'Url', {
      function: to.lambda,
      authType: FunctionUrlAuthType.AWS_IAM,
      invokeMode: InvokeMode.BUFFERED,
    });
  }

  get url(): string {
    return this.#url.url;
  }

  /** From anywhere, another account too. IAM refuses to name who is not there: each has to exist before the deployment. */
  admit(callers: readonly IamPrincipal[]): void {
    for (const { arn, principal } of callers) {
      const caller = { principal: new ArnPrincipal(arn), scope: this };
      this.#to.lambda.addPermission(`Url-${principal}`, {
        ...caller,
        action: 'lambda:InvokeFunctionUrl',
        functionUrlAuthType: FunctionUrlAuthType.AWS_IAM,
      });
      this.#to.lambda.addPermission(`Function-${principal}`, {
        ...caller,
        action: 'lambda:InvokeFunction',
        invokedViaFunctionUrl: true,
      });
    }
  }

  /** To a function of this deployment. */
  grantCall(caller: PosternFunction): void {
    this.#url.grantInvokeUrl(caller.role);
  }
}
