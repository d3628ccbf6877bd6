package actions

import "errors"

func webhookKind() Kind {
	return Kind{Settings: func() any { return &struct{}{} }, Build: func(any, Env) (Step, error) { return nil, errors.New("not yet") }}
}
func execKind() Kind   { return webhookKind() }
func dockerKind() Kind { return webhookKind() }
