package deploytool

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
)

// GitLab has the project shop/order-sync, whose pipelines are named "guardian $GUARDIAN_INTENT".
func GitLab(t *testing.T, o Options) *Tool {
	t.Helper()
	tool := newTool(t, "https://gitlab.example.com", o)
	tool.Env["GITLAB_TOKEN"] = "glpat-sEcReT0123456789"
	guarded := func(pattern string, handle http.HandlerFunc) {
		tool.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			tool.mu.Lock()
			defer tool.mu.Unlock()
			switch {
			case r.Header.Get("PRIVATE-TOKEN") != tool.Env["GITLAB_TOKEN"]:
				answer(w, http.StatusUnauthorized, object{"message": "401 Unauthorized"})
			case r.PathValue("project") != "shop/order-sync":
				answer(w, http.StatusNotFound, object{"message": "404 Project Not Found"})
			default:
				handle(w, r)
			}
		})
	}
	guarded("POST /api/v4/projects/{project}/pipeline", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Ref       string
			Variables []struct{ Key, Value string }
		}
		if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.Ref != "main" {
			answer(w, http.StatusBadRequest, object{"message": object{"base": []string{"Reference not found"}}})
			return
		}
		values := map[string]string{}
		for _, v := range asked.Variables {
			values[v.Key] = v.Value
		}
		n := tool.order(values["VERSION"], values["GUARDIAN_INTENT"])
		answer(w, http.StatusCreated, tool.pipeline(n-1, false))
	})
	guarded("GET /api/v4/projects/{project}/pipelines/{id}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("id"))
		if err != nil || n <= 700 || n > 700+len(tool.jobs) {
			answer(w, http.StatusNotFound, object{"message": "404 Not found"})
			return
		}
		answer(w, http.StatusOK, tool.pipeline(n-701, true))
	})
	guarded("GET /api/v4/projects/{project}/pipelines", func(w http.ResponseWriter, r *http.Request) {
		list := []object{}
		for i, job := range tool.jobs {
			if job.Looks < tool.hides {
				job.looked()
				continue
			}
			list = append([]object{tool.pipeline(i, true)}, list...)
		}
		answer(w, http.StatusOK, list)
	})
	return tool.serve(t)
}

// pipeline is a pipeline as GitLab shows it: newest states last.
func (tool *Tool) pipeline(i int, look bool) object {
	job, status := tool.jobs[i], "created"
	if look {
		states := []string{"waiting_for_resource", "pending", "running", "success"}
		if tool.fails {
			states[3] = "failed"
		}
		status = states[min(job.looked(), 3)]
	}
	return object{
		"id": 701 + i, "iid": 1 + i, "project_id": 12, "status": status, "source": "api", "ref": "main",
		"name": "guardian " + job.Intent, "web_url": tool.URL + "/shop/order-sync/-/pipelines/" + strconv.Itoa(701+i),
	}
}
