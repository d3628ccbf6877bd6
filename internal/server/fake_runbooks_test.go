package server_test

import (
	"context"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/decide"
	"guardian/watch"
)

// RunbookList implements server.Runbooks.
func (m *memory) RunbookList(context.Context) (_ []decide.Checklist, err error) {
	defer m.lock(&err)()
	minutes := func(n int) model.Duration { return model.Duration(time.Duration(n) * time.Minute) }
	return []decide.Checklist{{
		Runbook: "order-sync-back",
		Triggers: []decide.ChecklistTrigger{
			{By: "verdict", Service: "order-sync", Environment: "production", Mode: watch.Approve},
			{By: "operation", Service: "price-sync", Environment: "production", Mode: watch.Auto},
			{By: "alert", Match: map[string]string{"alertname": "OrdersLost", "tier": "critical"}, Mode: watch.Auto},
		},
		Asked:  decide.ChecklistApproval{Quorum: 2, Roles: []string{"approver"}, Timeout: minutes(30), OnTimeout: actions.OnTimeoutExpire, AuthorMay: false},
		Limits: decide.ChecklistLimits{Cooldown: minutes(30), MaxRunsPerDay: 3, BrakeServices: 3, BrakeWithin: minutes(10)},
		Steps: []decide.ChecklistStep{
			{Name: "stop deploys", Kind: "freeze", Timeout: minutes(1), Settings: []actions.Setting{{Key: "for", Value: "2h"}}},
			{Name: "v1", Kind: "docker", Timeout: minutes(5), Idempotent: true, Settings: []actions.Setting{{Key: "container", Value: "orders"}, {Key: "image", Value: "shop:{{.To}}"}}},
		},
		Failure: actions.OnFailureStop,
		Verify:  decide.ChecklistVerify{For: minutes(5), Every: model.Duration(10 * time.Second), Successes: 3, Checks: []string{"push-shopee-sg"}},
		Freezes: []decide.ChecklistFreeze{{Name: "双十一", From: m.now.Add(24 * time.Hour), To: m.now.Add(48 * time.Hour)}},
	}}, err
}
