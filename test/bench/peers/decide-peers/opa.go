package main

import (
	"context"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

func prepareOpa(world *world) (decide, error) {
	background := context.Background()
	query, err := rego.New(
		rego.Query("data.bench.decision"),
		rego.Module("bench.rego", world.Rego),
	).PrepareForEval(background)
	if err != nil {
		return nil, err
	}
	return func(request *request) (string, error) {
		results, err := query.Eval(background, rego.EvalParsedInput(opaInput(request)))
		if err != nil {
			return "", err
		}
		if len(results) != 1 || len(results[0].Expressions) != 1 {
			return "", fmt.Errorf("opa answers %v", results)
		}
		outcome, ok := results[0].Expressions[0].Value.(string)
		if !ok {
			return "", fmt.Errorf("opa answers %v", results)
		}
		return outcome, nil
	}, nil
}

// opaInput makes OPA's own values, which costs it less than being given Go maps.
func opaInput(r *request) ast.Value {
	groups := make([]*ast.Term, len(r.Groups))
	for index, group := range r.Groups {
		groups[index] = ast.StringTerm(group)
	}
	now := time.UnixMilli(r.NowMs).UTC()
	posture := "non-compliant"
	if r.Compliant {
		posture = "compliant"
	}
	return ast.NewObject(
		item("principal", object(item("id", ast.StringTerm(r.Issuer+"#"+r.User)), item("groups", ast.ArrayTerm(groups...)))),
		item("action", ast.StringTerm(r.Action)),
		item("resource", object(item("service", ast.StringTerm(r.Service)), item("team", ast.StringTerm(r.Team)))),
		item("context", object(
			item("now", ast.IntNumberTerm(int(r.NowMs))),
			item("request", object(
				item("method", ast.StringTerm(r.Method)),
				item("path", ast.StringTerm(r.Path)),
				item("host", ast.StringTerm(r.Host)),
			)),
			item("network", object(item("sourceIp", ast.StringTerm(r.SourceIP)))),
			item("local", object(
				item("hour", ast.IntNumberTerm(now.Hour())),
				item("weekday", ast.IntNumberTerm((int(now.Weekday())+6)%7+1)),
				item("minuteOfDay", ast.IntNumberTerm(now.Hour()*60+now.Minute())),
			)),
			item("user", object(
				item("issuer", ast.StringTerm(r.Issuer)),
				item("subject", ast.StringTerm(r.User)),
				item("groups", ast.ArrayTerm(groups...)),
			)),
			item("auth", object(
				item("time", ast.IntNumberTerm(int(r.SignedInMs))),
				item("ageSeconds", ast.IntNumberTerm(int((r.NowMs-r.SignedInMs)/1000))),
				item("amr", ast.ArrayTerm(ast.StringTerm("pwd"), ast.StringTerm("mfa"))),
			)),
			item("device", object(
				item("id", ast.StringTerm("laptop-1")),
				item("known", ast.BooleanTerm(true)),
				item("compliant", ast.BooleanTerm(r.Compliant)),
				item("managed", ast.BooleanTerm(r.Managed)),
				item("posture", ast.StringTerm(posture)),
				item("observedAt", ast.IntNumberTerm(int(r.SignedInMs))),
			)),
		)),
	)
}

func item(name string, value *ast.Term) [2]*ast.Term {
	return ast.Item(ast.StringTerm(name), value)
}

func object(items ...[2]*ast.Term) *ast.Term {
	return ast.ObjectTerm(items...)
}
