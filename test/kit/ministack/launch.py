"""MiniStack as the kit starts it: nearer to AWS where it differs in what Postern relies on. Takes MiniStack's own variables."""

import os
import sys

from ministack import app
from ministack.core import iam_actions, lambda_runtime
from ministack.services import lambda_svc
from ministack.services.apigateway import _iam_caller_identity_v2
from ministack.services.cloudformation import provisioners

GATEWAY = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"
PATH_FORM = f"{GATEWAY}/_aws/lambda-url/"


def name_the_caller(build):
    """The event of a function URL that IAM guards says who signed the request, and holds the cookies a second time. Of the
    URLs here, only those with AUTH=true in MiniStack's environment were verified; without it anybody is whoever they say."""

    def build_event(url_id, account_id, region, method, path, headers, body, query_params, **more):
        event = build(url_id, account_id, region, method, path, headers, body, query_params, **more)
        caller = None if more.get("anonymous") else _iam_caller_identity_v2(headers, query_params)
        if caller:
            event["requestContext"]["authorizer"] = {"iam": caller}
        if "cookie" in event["headers"]:
            event["cookies"] = [cookie.strip() for cookie in event["headers"]["cookie"].split(";")]
        return event

    return build_event


def answer_reachable_urls(create):
    """AWS's names of function URLs lead to AWS. MiniStack answers the same functions below a path of its own address, which
    needs no name to be resolved and no Host to be set: that is what it has to say where a URL is asked for."""

    def create_function_url_config(function_name, data, qualifier):
        answer = create(function_name, data, qualifier)
        if answer[0] != 201:
            return answer
        config = lambda_svc._function_urls[lambda_svc._url_config_key(function_name, qualifier)]
        config["FunctionUrl"] = f"{PATH_FORM}{url_id_of_name(config['FunctionUrl'])}/"
        return lambda_svc.json_response(config, status=201)

    url_id_of_name = lambda_svc._function_url_id

    def url_id(function_url):
        is_path_form = function_url.startswith(PATH_FORM)
        return function_url[len(PATH_FORM) :].rstrip("/") if is_path_form else url_id_of_name(function_url)

    lambda_svc._function_url_id = url_id
    return create_function_url_config


def as_if_by_tls(pin):
    """Buckets refuse who comes without TLS, by policies of ours and of CDK's bootstrap. Here nothing leaves the machine."""
    return lambda source_ip, _secure_transport: pin(source_ip, True)


def show_conditional_writes(context_of):
    """The condition key `s3:if-none-match`, by which a bucket's policy takes no object that could replace another."""

    def service_context(iam_action, query_params, path, headers):
        context = context_of(iam_action, query_params, path, headers)
        condition = headers.get("if-none-match")
        return {**context, "s3:if-none-match": condition} if condition else context

    return service_context


def refer_by_arn(create):
    """`Ref` of a secret is its ARN, which roles are granted; MiniStack has its name there."""

    def create_secret(logical_id, props, stack_name):
        _name, attributes = create(logical_id, props, stack_name)
        return attributes["Arn"], attributes

    return create_secret


def end_with_the_gateway(script):
    """A function's process ends when its input does: also when MiniStack was killed and could end nobody."""
    return f'process.stdin.once("close", () => process.exit());\n{script}'


lambda_svc._build_function_url_event = name_the_caller(lambda_svc._build_function_url_event)
lambda_svc._create_function_url_config = answer_reachable_urls(lambda_svc._create_function_url_config)
secret = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
secret["create"] = refer_by_arn(secret["create"])
app.pin_request_origin = as_if_by_tls(app.pin_request_origin)
iam_actions.s3_service_context = show_conditional_writes(iam_actions.s3_service_context)
lambda_runtime._NODEJS_WORKER_SCRIPT = end_with_the_gateway(lambda_runtime._NODEJS_WORKER_SCRIPT)

# A group of its own, by which its functions' processes are ended together with it.
os.setpgid(0, 0)
sys.exit(app.main())
