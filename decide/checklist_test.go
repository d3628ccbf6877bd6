package decide_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guardian/actions"
	"guardian/actions/webhook"
	"guardian/decide"
	"guardian/internal/secret"
	"guardian/watch"
)

func TestAChecklistSaysWhatStartsARunbookAndWhatKeepsItBack(t *testing.T) {
	book := actions.NewRunbookSettings()
	step := actions.NewStepSettings()
	hook := &webhook.Settings{URL: "https://deploy.example.com/{{.To}}?key=hunter2"}
	step.Kind, step.Settings = "webhook", hook
	book.Name, book.Steps = "back", []actions.StepSettings{step}
	day := func(name string, allow []watch.Act, services ...string) watch.Freeze {
		return watch.Freeze{Name: name, From: noon(), To: noon().Add(24 * time.Hour), Services: services, Allow: allow}
	}
	s := decide.NewSettings(decide.Settings{
		Services: []decide.Service{
			{Name: "orders", Environment: "production", Rollback: "back", Watch: watch.Settings{Mode: watch.Auto}},
			{Name: "prices", Environment: "staging", Rollback: "other", Undo: "back", Watch: watch.Settings{Mode: watch.Approve}},
			{Name: "stock", Rollback: "other"},
		},
		OnAlert: []decide.OnAlert{{Match: map[string]string{"alertname": "Lost"}, Runbook: "back", Mode: watch.Observe}, {Match: map[string]string{"alertname": "Slow"}, Runbook: "other"}},
		Freezes: []watch.Freeze{day("all", nil), day("ours", nil, "prices"), day("of another", nil, "stock"), day("allows it", []watch.Act{watch.ActRollback})},
		Brake:   actions.BrakeLimit{MaxFailingServices: 3, Within: 10 * time.Minute},
	})
	list := s.Checklist(&book, &secret.Redactor{})
	if diff := cmp.Diff([]decide.ChecklistTrigger{
		{By: "verdict", Service: "orders", Environment: "production", Mode: watch.Auto},
		{By: "operation", Service: "prices", Environment: "staging", Mode: watch.Approve},
		{By: "alert", Match: map[string]string{"alertname": "Lost"}, Mode: watch.Observe},
	}, list.Triggers); diff != "" {
		t.Errorf("triggers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]decide.ChecklistFreeze{{"all", noon(), noon().Add(24 * time.Hour)}, {"ours", noon(), noon().Add(24 * time.Hour)}}, list.Freezes); diff != "" {
		t.Errorf("freezes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]actions.Setting{{Key: "url", Value: "https://deploy.example.com/{{.To}}?key=<secret>"}}, list.Steps[0].Settings); diff != "" {
		t.Errorf("the step's settings (-want +got):\n%s", diff)
	}
	if list.Limits.BrakeServices != 3 || list.Limits.MaxRunsPerDay != book.MaxRunsPerDay || list.Verify.Successes != book.Verify.Successes {
		t.Errorf("%+v", list)
	}
}
