package deploytool

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// Jenkins has the job "rollback" with the parameters VERSION and GUARDIAN_INTENT, behind matrix
// security with CSRF protection: who has no API token needs a crumb.
func Jenkins(t *testing.T, o Options) *Tool {
	t.Helper()
	tool := newTool(t, "https://jenkins.example.com", o)
	tool.Env["JENKINS_AUTH"] = base64.StdEncoding.EncodeToString([]byte("guardian:11e8token"))
	tool.mux.HandleFunc("POST /job/rollback/buildWithParameters", func(w http.ResponseWriter, r *http.Request) {
		if !jenkinsAllows(w, r) {
			return
		}
		if r.ParseForm() != nil || r.PostForm.Get("VERSION") == "" {
			http.Error(w, "no VERSION", http.StatusInternalServerError)
			return
		}
		tool.mu.Lock()
		defer tool.mu.Unlock()
		n := tool.order(r.PostForm.Get("VERSION"), r.PostForm.Get("GUARDIAN_INTENT"))
		w.Header().Set("Location", fmt.Sprintf("http://%s/queue/item/%d/", r.Host, 40+n))
		w.WriteHeader(http.StatusCreated)
	})
	tool.mux.HandleFunc("GET /queue/item/{item}/api/json", func(w http.ResponseWriter, r *http.Request) {
		tool.mu.Lock()
		defer tool.mu.Unlock()
		n, err := strconv.Atoi(r.PathValue("item"))
		if !jenkinsAllows(w, r) {
			return
		}
		if err != nil || n <= 40 || n > 40+len(tool.jobs) {
			http.NotFound(w, r)
			return
		}
		job := tool.jobs[n-41]
		looks := job.looked()
		if looks == 0 { // in the quiet period; what is not asked for is not answered
			answer(w, http.StatusOK, object{"_class": "hudson.model.Queue$WaitingItem"})
			return
		}
		build := object{"_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun", "number": n}
		if strings.Contains(r.URL.Query().Get("tree"), "result") {
			build["result"] = tool.jenkinsResult(looks)
		}
		answer(w, http.StatusOK, object{"_class": "hudson.model.Queue$LeftItem", "cancelled": false, "executable": build})
	})
	tool.mux.HandleFunc("GET /job/rollback/api/json", func(w http.ResponseWriter, r *http.Request) {
		tool.mu.Lock()
		defer tool.mu.Unlock()
		if !jenkinsAllows(w, r) {
			return
		}
		if !strings.Contains(r.URL.Query().Get("tree"), "parameters[name,value]") || !strings.HasSuffix(r.URL.Query().Get("tree"), "{0,50}") {
			http.Error(w, "the fake knows one tree", http.StatusBadRequest)
			return
		}
		queued, builds := false, []object{}
		for i, job := range tool.jobs {
			looks := job.looked()
			switch {
			case looks < tool.hides: // neither here nor there, between queue and executor
			case looks == tool.hides:
				queued = true
			default:
				parameters := []object{
					{"_class": "hudson.model.StringParameterValue", "name": "VERSION", "value": job.Version},
					{"_class": "hudson.model.StringParameterValue", "name": "GUARDIAN_INTENT", "value": job.Intent},
				}
				build := object{"number": i + 1, "result": tool.jenkinsResult(looks - tool.hides), "actions": []object{
					{"_class": "hudson.model.CauseAction"}, {"_class": "hudson.model.ParametersAction", "parameters": parameters}, {},
				}}
				builds = append([]object{build}, builds...)
			}
		}
		answer(w, http.StatusOK, object{"_class": "org.jenkinsci.plugins.workflow.job.WorkflowJob", "builds": builds, "inQueue": queued})
	})
	return tool.serve(t)
}

// jenkinsResult is null while a build goes on.
func (tool *Tool) jenkinsResult(looks int) any {
	switch {
	case looks < 3:
		return nil
	case tool.fails:
		return "FAILURE"
	default:
		return "SUCCESS"
	}
}

func jenkinsAllows(w http.ResponseWriter, r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	switch {
	case !ok || user != "guardian":
		w.Header().Set("WWW-Authenticate", `Basic realm="Jenkins"`)
		http.Error(w, "Authentication required", http.StatusForbidden)
		return false
	case password != "11e8token" && r.Method != http.MethodGet && r.Header.Get("Jenkins-Crumb") == "":
		http.Error(w, "No valid crumb was included in the request", http.StatusForbidden)
		return false
	}
	return true
}
