package notifiers

import "errors"

func slackKind() Kind { return Kind{Settings: func() any { return &SlackSettings{} }, Build: func(any, Env) (Channel, error) { return nil, errors.New("slack") }} }
func dingtalkKind() Kind { return Kind{Settings: func() any { return &DingTalkSettings{} }, Build: func(any, Env) (Channel, error) { return nil, errors.New("slack") }} }
func webhookKind() Kind { return Kind{Settings: func() any { return &WebhookSettings{} }, Build: func(any, Env) (Channel, error) { return nil, errors.New("slack") }} }
