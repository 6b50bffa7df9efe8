/**
 * The one HTTP API, in front of what strangers may ask: exactly the routes of public functions, each with a bound. No
 * CORS: no browser page has business there. The access log names the route and not the URL, since a query could hold what
 * should be in no log.
 */
import { FUNCTION_ROUTES, IAM_ROUTES, ROUTES } from '@postern/functions/routes';
import type { RemovalPolicy } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  type CfnStage,
  HttpApi,
  type HttpMethod,
  HttpStage,
  LogGroupLogDestination,
  PayloadFormatVersion,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { DEFAULT_THROTTLE, ROUTE_THROTTLES } from '../throttles.ts';
import { LOG_RETENTION, type PosternFunction } from './postern_function.ts';

const ACCESS_LOG = {
  requestId: '$context.requestId',
  time: '$context.requestTime',
  address: '$context.identity.sourceIp',
  route: '$context.routeKey',
  status: '$context.status',
  answerBytes: '$context.responseLength',
  tookMs: '$context.responseLatency',
  functionTookMs: '$context.integrationLatency',
  error: '$context.error.message',
  functionError: '$context.integrationErrorMessage',
} as const;

export class PublicApi extends Construct {
  readonly #api: HttpApi;
  readonly #stage: CfnStage;

  constructor(
    scope: Construct,
    id: string,
    { trustDomain, logRemoval }: { trustDomain: string; logRemoval: RemovalPolicy },
  ) {
    super(scope, id);
    this.#api = new HttpApi(this, 'Api', {
      apiName: `postern-${trustDomain}`.slice(0, 128),
      description: `Postern ${trustDomain}: the public doors`,
      createDefaultStage: false,
    });
    const accessLog = new LogGroup(this, 'AccessLog', { retention: LOG_RETENTION, removalPolicy: logRemoval });
    const stage = new HttpStage(this, 'Stage', {
      httpApi: this.#api,
      autoDeploy: true,
      throttle: { rateLimit: DEFAULT_THROTTLE.perSecond, burstLimit: DEFAULT_THROTTLE.burst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(accessLog),
        format: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
      },
    });
    this.#stage = stage.node.defaultChild as CfnStage;
  }

  /** Origin, as the platform gives it. */
  get url(): string {
    return this.#api.apiEndpoint;
  }

  /** Lets the routes of a function's row of `ROUTES` through to it, but for those that are other functions' alone. */
  open(to: PosternFunction): void {
    const integration = new HttpLambdaIntegration(`${to.name}-integration`, to.lambda, {
      payloadFormatVersion: PayloadFormatVersion.VERSION_2_0,
    });
    for (const route of ROUTES[to.name].filter((it) => !FUNCTION_ROUTES.has(it))) {
      const [method = '', path = ''] = route.split(' ');
      const added = this.#api.addRoutes({
        path: apiPathOf(path),
        methods: [method as HttpMethod],
        integration,
        // In clear on either side: a route without it would believe nobody, since the function then learns no principal.
        ...(IAM_ROUTES.has(route) && { authorizer: new HttpIamAuthorizer() }),
      });
      const throttle = ROUTE_THROTTLES[route];
      if (throttle === undefined) continue;
      const settings = { ThrottlingRateLimit: throttle.perSecond, ThrottlingBurstLimit: throttle.burst };
      this.#stage.addPropertyOverride(`RouteSettings.${method} ${apiPathOf(path)}`, settings);
      for (const each of added) this.#stage.node.addDependency(each);
    }
  }
}

/** `:name` is one segment here and `{name}` there. */
function apiPathOf(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}');
}
