package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"guardian/internal/flags"
)

// The OpenFeature Remote Evaluation Protocol, version 0.2.0: how OpenFeature's SDKs read flags.
// https://github.com/open-feature/protocol/blob/main/service/openapi.yaml

// evaluation is a flag as the protocol tells it. Values of metadata are texts, numbers or booleans.
type evaluation struct {
	Key      string         `json:"key"`
	Value    any            `json:"value"`
	Reason   string         `json:"reason"`
	Variant  string         `json:"variant"`
	Metadata map[string]any `json:"metadata,omitempty"`
}

// evaluationError is why a flag cannot be told: the SDK's caller gets the default of its own code.
type evaluationError struct {
	Key     string `json:"key,omitempty"`
	Code    string `json:"errorCode"`
	Details string `json:"errorDetails,omitempty"`
}

func evaluate(s flags.State) evaluation {
	e := evaluation{Key: s.Name, Value: s.Value, Reason: "DEFAULT", Variant: s.Variant, Metadata: map[string]any{"owner": s.Owner}}
	if s.Set {
		e.Reason = "STATIC" // it is set for everybody: nothing of the context counts
		e.Metadata["until"] = s.Change.Until.UTC().Format("2006-01-02T15:04:05Z07:00")
		if s.Change.Run != "" {
			e.Metadata["run"] = s.Change.Run
		}
	}
	return e
}

// checkContext refuses a request whose context cannot be read; flags are the same for everybody.
func checkContext(w http.ResponseWriter, r *http.Request) error {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return fmt.Errorf("the body could not be read to its end, or is larger than %d bytes", maxBody)
	}
	var request struct {
		Context map[string]any `json:"context"`
	}
	if len(strings.TrimSpace(string(raw))) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, &request); err != nil {
		return errors.New(jsonFault(raw, err))
	}
	return nil
}

func (*Server) evaluateFlag(from Flags) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		key := r.PathValue("key")
		if err := checkContext(w, r); err != nil {
			return writeJSON(w, http.StatusBadRequest, evaluationError{key, "PARSE_ERROR", err.Error()})
		}
		one, err := from.Flag(r.Context(), key)
		switch {
		case errors.Is(err, ErrNotFound):
			return writeJSON(w, http.StatusNotFound, evaluationError{key, "FLAG_NOT_FOUND", err.Error()})
		case errors.Is(err, ErrBusy):
			return writeJSON(w, http.StatusServiceUnavailable, evaluationError{key, "PROVIDER_NOT_READY", err.Error()})
		case err != nil:
			return err
		}
		return writeJSON(w, http.StatusOK, evaluate(one))
	}
}

func (*Server) evaluateFlags(from Flags) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		if err := checkContext(w, r); err != nil {
			return writeJSON(w, http.StatusBadRequest, evaluationError{Code: "PARSE_ERROR", Details: err.Error()})
		}
		list, err := from.FlagList(r.Context())
		switch {
		case errors.Is(err, ErrBusy):
			return writeJSON(w, http.StatusServiceUnavailable, evaluationError{Code: "PROVIDER_NOT_READY", Details: err.Error()})
		case err != nil:
			return err
		}
		all := make([]evaluation, len(list))
		for i, s := range list {
			all[i] = evaluate(s)
		}
		text, err := json.Marshal(map[string]any{"flags": all})
		if err != nil {
			return err
		}
		// Providers that poll say what they have: mostly it is still so.
		sum := sha256.Sum256(text)
		tag := `"` + hex.EncodeToString(sum[:12]) + `"`
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		w.Header().Set("Content-Type", "application/json")
		_, err = w.Write(text)
		return err
	}
}
