package server_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/internal/server"
	"guardian/oncall"
)

// OverrideList implements server.Overrides.
func (m *memory) OverrideList(context.Context) (_ []oncall.Made, err error) {
	defer m.lock(&err)()
	return m.made, nil
}

// CreateOverride implements server.Overrides.
func (m *memory) CreateOverride(_ context.Context, v oncall.Made, by server.Caller) (_ oncall.Made, err error) {
	defer m.lock(&err)()
	v.ID, v.By, v.Created = "o_1", by.Name, m.now
	if v.From.IsZero() {
		v.From = m.now
	}
	m.made = append(m.made, v)
	return v, nil
}

// DeleteOverride implements server.Overrides.
func (m *memory) DeleteOverride(_ context.Context, id string, _ server.Caller) (err error) {
	defer m.lock(&err)()
	if len(m.made) == 0 || m.made[0].ID != id {
		return &server.NotFoundError{What: "override", Name: id}
	}
	m.made = slices.Delete(m.made, 0, 1)
	return nil
}

func TestOverridesByTheAPI(t *testing.T) {
	m := busy()
	url := serve(t, m, nil)
	got := send(t, url, "POST", "/api/v1/oncall/overrides", `{"schedule": "orders", "person": "siti", "replaces": "wei", "to": "2026-11-23T10:00:00+08:00"}`)
	if got.status != http.StatusCreated || len(m.made) != 1 || !m.made[0].To.Equal(time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)) || m.made[0].Replaces != "wei" || m.made[0].By == "" {
		t.Errorf("%d %s: %+v", got.status, got.body, m.made)
	}
	if got := send(t, url, "GET", "/api/v1/oncall/overrides", ""); got.status != http.StatusOK || !strings.Contains(got.body, `"person":"siti"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	for body, says := range map[string]string{
		`{}`: "/schedule", `{"schedule": "orders", "person": "siti"}`: "/to", `{"schedule": "orders", "person": "siti", "until": "2026-11-23T10:00:00Z"}`: "/until",
		`{"schedule": "orders", "person": "siti", "to": "tomorrow"}`: "expected a time",
	} {
		if got := send(t, url, "POST", "/api/v1/oncall/overrides", body); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, says) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := send(t, url, "DELETE", "/api/v1/oncall/overrides/o_1", ""); got.status != http.StatusNoContent || len(m.made) != 0 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := send(t, url, "DELETE", "/api/v1/oncall/overrides/o_1", ""); got.status != http.StatusNotFound {
		t.Errorf("%d %s", got.status, got.body)
	}
}
