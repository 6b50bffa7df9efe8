package main

import (
	"fmt"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

func prepareCedar(world *world) (decide, error) {
	policies := cedar.NewPolicySet()
	for _, policy := range world.Policies {
		var parsed cedar.Policy
		if err := parsed.UnmarshalCedar([]byte(policy.Cedar)); err != nil {
			return nil, fmt.Errorf("%s: %w", policy.ID, err)
		}
		policies.Add(cedar.PolicyID(policy.ID), &parsed)
	}
	return func(request *request) (string, error) {
		made, entities, err := cedarRequest(request)
		if err != nil {
			return "", err
		}
		decision, diagnostic := cedar.Authorize(policies, entities, made)
		if len(diagnostic.Errors) > 0 {
			return "", fmt.Errorf("%s: %s", diagnostic.Errors[0].PolicyID, diagnostic.Errors[0].Message)
		}
		return decision.String(), nil
	}, nil
}

// cedarRequest makes the context that our own engine gets, and the entities that the request is about.
func cedarRequest(r *request) (cedar.Request, types.EntityMap, error) {
	sourceIP, err := types.ParseIPAddr(r.SourceIP)
	if err != nil {
		return cedar.Request{}, nil, err
	}
	groups := make([]types.Value, len(r.Groups))
	parents := make([]types.EntityUID, len(r.Groups))
	for index, group := range r.Groups {
		groups[index] = types.String(group)
		parents[index] = types.NewEntityUID("Group", types.String(group))
	}
	now := time.UnixMilli(r.NowMs).UTC()
	signedIn := types.NewDatetimeFromMillis(r.SignedInMs)
	principal := types.NewEntityUID("User", types.String(r.Issuer+"#"+r.User))
	resource := types.NewEntityUID("Service", types.String(r.Service))
	posture := "non-compliant"
	if r.Compliant {
		posture = "compliant"
	}
	context := types.NewRecord(types.RecordMap{
		"now": types.NewDatetimeFromMillis(r.NowMs),
		"request": types.NewRecord(types.RecordMap{
			"method": types.String(r.Method), "path": types.String(r.Path), "host": types.String(r.Host),
		}),
		"network": types.NewRecord(types.RecordMap{"sourceIp": sourceIP}),
		"local": types.NewRecord(types.RecordMap{
			"hour":        types.Long(now.Hour()),
			"weekday":     types.Long((now.Weekday()+6)%7 + 1),
			"minuteOfDay": types.Long(now.Hour()*60 + now.Minute()),
		}),
		"user": types.NewRecord(types.RecordMap{
			"issuer": types.String(r.Issuer), "subject": types.String(r.User), "groups": types.NewSet(groups...),
		}),
		"auth": types.NewRecord(types.RecordMap{
			"time":       signedIn,
			"ageSeconds": types.Long((r.NowMs - r.SignedInMs) / 1000),
			"amr":        types.NewSet(types.String("pwd"), types.String("mfa")),
		}),
		"device": types.NewRecord(types.RecordMap{
			"id":         types.String("laptop-1"),
			"known":      types.Boolean(true),
			"compliant":  types.Boolean(r.Compliant),
			"managed":    types.Boolean(r.Managed),
			"posture":    types.String(posture),
			"observedAt": signedIn,
		}),
	})
	entities := types.EntityMap{
		principal: {
			UID:     principal,
			Parents: types.NewEntityUIDSet(parents...),
			Attributes: types.NewRecord(types.RecordMap{
				"issuer": types.String(r.Issuer), "subject": types.String(r.User),
			}),
		},
		resource: {
			UID:     resource,
			Parents: types.NewEntityUIDSet(types.NewEntityUID("Team", types.String(r.Team))),
		},
	}
	action := types.NewEntityUID("Action", types.String(r.Action))
	return cedar.Request{Principal: principal, Action: action, Resource: resource, Context: context}, entities, nil
}
