package deploytool

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"testing"
)

// GitHub is github.com. It has the repository shop/order-sync with the workflow rollback.yml, whose runs
// are named "guardian ${{ inputs.guardian_intent }}".
func GitHub(t *testing.T, o Options) *Tool {
	t.Helper()
	return gitHub(newTool(t, "https://api.github.com", o), true).serve(t)
}

// GitHubServer is a GitHub Enterprise Server of before return_run_details.
func GitHubServer(t *testing.T, o Options) *Tool {
	t.Helper()
	return gitHub(newTool(t, "https://github.example.com/api/v3", o), false).serve(t)
}

func gitHub(tool *Tool, details bool) *Tool {
	tool.Env["GITHUB_TOKEN_ROLLBACK"] = "github_pat_11ABCDEFG0123456789"
	const repo = "/repos/shop/order-sync/actions"
	guarded := func(pattern string, handle http.HandlerFunc) {
		tool.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			tool.mu.Lock()
			defer tool.mu.Unlock()
			if r.Header.Get("Authorization") != "Bearer "+tool.Env["GITHUB_TOKEN_ROLLBACK"] {
				answer(w, http.StatusUnauthorized, object{"message": "Bad credentials", "status": "401"})
				return
			}
			handle(w, r)
		})
	}
	guarded("POST "+repo+"/workflows/rollback.yml/dispatches", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Ref     string            `json:"ref"`
			Inputs  map[string]string `json:"inputs"`
			Details bool              `json:"return_run_details"`
		}
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if d.Decode(&asked) != nil || asked.Ref == "" || asked.Details && !details {
			answer(w, http.StatusUnprocessableEntity, object{"message": "Invalid request."})
			return
		}
		for name := range asked.Inputs {
			if !slices.Contains([]string{"version", "guardian_intent"}, name) {
				answer(w, http.StatusUnprocessableEntity, object{"message": "Unexpected inputs provided: [\"" + name + "\"]"})
				return
			}
		}
		n := tool.order(asked.Inputs["version"], asked.Inputs["guardian_intent"])
		if !asked.Details {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		id := 9_000_000_000 + n
		answer(w, http.StatusOK, object{
			"workflow_run_id": id, "run_url": tool.URL + repo + "/runs/" + strconv.Itoa(id), "html_url": "https://github.com/shop/order-sync/actions/runs/" + strconv.Itoa(id),
		})
	})
	guarded("GET "+repo+"/runs/{id}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("id"))
		if err != nil || n <= 9_000_000_000 || n > 9_000_000_000+len(tool.jobs) {
			answer(w, http.StatusNotFound, object{"message": "Not Found", "status": "404"})
			return
		}
		answer(w, http.StatusOK, tool.workflowRun(n-9_000_000_001))
	})
	guarded("GET "+repo+"/workflows/rollback.yml/runs", func(w http.ResponseWriter, r *http.Request) {
		list := []object{}
		for i, job := range tool.jobs {
			if job.Looks < tool.hides {
				job.looked()
				continue
			}
			list = append([]object{tool.workflowRun(i)}, list...)
		}
		answer(w, http.StatusOK, object{"total_count": len(list), "workflow_runs": list})
	})
	return tool
}

func (tool *Tool) workflowRun(i int) object {
	job := tool.jobs[i]
	run := object{
		"id": 9_000_000_001 + i, "name": "rollback", "display_title": "guardian " + job.Intent, "event": "workflow_dispatch",
		"status": "queued", "conclusion": nil,
	}
	switch looks := job.looked(); {
	case looks == 0:
	case looks < 3:
		run["status"] = "in_progress"
	case tool.fails:
		run["status"], run["conclusion"] = "completed", "failure"
	default:
		run["status"], run["conclusion"] = "completed", "success"
	}
	return run
}
