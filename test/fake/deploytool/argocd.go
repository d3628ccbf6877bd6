package deploytool

import (
	"encoding/json"
	"net/http"
	"testing"
)

// ArgoCD has the application order-sync, which runs v9. With automated sync it refuses to sync to
// another revision than the application's.
func ArgoCD(t *testing.T, automated bool, o Options) *Tool {
	t.Helper()
	tool := newTool(t, "https://argocd.example.com", o)
	tool.Env["ARGOCD_TOKEN"] = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"
	app := &application{target: "v9", synced: "v9", automated: automated}
	guarded := func(pattern string, handle http.HandlerFunc) {
		tool.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			tool.mu.Lock()
			defer tool.mu.Unlock()
			if r.Header.Get("Authorization") != "Bearer "+tool.Env["ARGOCD_TOKEN"] {
				answer(w, http.StatusUnauthorized, object{"error": "no session information", "code": 16, "message": "no session information"})
				return
			}
			handle(w, r)
		})
	}
	const path = "/api/v1/applications/order-sync"
	refuse := func(w http.ResponseWriter, why string) {
		answer(w, http.StatusBadRequest, object{"error": why, "code": 9, "message": why})
	}
	guarded("POST "+path+"/sync", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Revision string
			Infos    []struct{ Name, Value string }
		}
		if json.NewDecoder(r.Body).Decode(&asked) != nil || len(asked.Infos) != 1 {
			refuse(w, "the fake wants one info")
			return
		}
		switch {
		case app.automated && asked.Revision != app.target:
			refuse(w, "Cannot sync to "+asked.Revision+": auto-sync currently set to "+app.target)
			return
		case app.running != nil && app.running.Looks < 4:
			refuse(w, "another operation is already in progress")
			return
		}
		app.info, app.synced = asked.Infos[0].Value, asked.Revision
		app.running = &Job{}
		tool.order(asked.Revision, app.info)
		answer(w, http.StatusOK, app.show(tool.fails))
	})
	guarded("PATCH "+path, func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Name, Patch, PatchType string }
		var patch struct {
			Spec struct {
				Source struct{ TargetRevision string }
			}
		}
		if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.PatchType != "merge" || json.Unmarshal([]byte(asked.Patch), &patch) != nil {
			refuse(w, "patch is not valid")
			return
		}
		app.target, app.running = patch.Spec.Source.TargetRevision, &Job{}
		tool.order(app.target, "")
		answer(w, http.StatusOK, app.show(tool.fails))
	})
	guarded("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		if tool.finished() && app.running != nil {
			app.running.Looks += 100
		}
		if app.running != nil {
			app.running.looked()
		}
		answer(w, http.StatusOK, app.show(tool.fails))
	})
	return tool.serve(t)
}

// finished tells, under mu, that Finish was called.
func (tool *Tool) finished() bool {
	return len(tool.jobs) > 0 && tool.jobs[len(tool.jobs)-1].Looks >= 100
}

// application is an Argo CD application.
type application struct {
	target, synced, info string
	automated            bool
	running              *Job // the last operation
}

func (a *application) show(fails bool) object {
	sync := object{"status": "Synced", "revision": "3f1c0de", "comparedTo": object{"source": object{"targetRevision": a.target}}}
	status := object{"sync": sync, "health": object{"status": "Healthy"}}
	shown := object{"metadata": object{"name": "order-sync"}, "spec": object{"source": object{"targetRevision": a.target}}, "status": status}
	if a.running == nil {
		return shown
	}
	operation := object{"sync": object{"revision": a.synced}, "info": []object{{"name": "guardian", "value": a.info}}}
	state := object{"operation": operation, "phase": "Running", "syncResult": object{"source": object{"targetRevision": a.target}}}
	switch looks := a.running.Looks; {
	case looks < 2 && !a.automated: // the controller has not taken it up: the last operation is an older one
		shown["operation"] = operation
		state = object{"phase": "Succeeded", "operation": object{"sync": object{"revision": "v9"}, "info": []object{{"name": "guardian", "value": "r_older-1"}}}}
	case looks < 2: // compared before the change
		sync["comparedTo"] = object{"source": object{"targetRevision": "v9"}}
		state = object{"phase": "Failed", "syncResult": object{"source": object{"targetRevision": "v9"}}}
	case looks < 4:
		sync["status"] = "OutOfSync"
	case fails:
		state["phase"], sync["status"] = "Failed", "OutOfSync"
	case looks < 5:
		state["phase"], status["health"] = "Succeeded", object{"status": "Progressing"}
	default:
		state["phase"] = "Succeeded"
	}
	status["operationState"] = state
	return shown
}
