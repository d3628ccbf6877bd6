package notifiers

import "context"

// DiscardSettings configures a receiver that tells nobody: for alerts that are known and that
// nobody is to hear of, such as one that always fires.
type DiscardSettings struct{}

// Validate implements the contract of settings.
func (*DiscardSettings) Validate() error { return nil }

func discardKind() Kind {
	return Kind{
		Settings: func() any { return &DiscardSettings{} },
		Build:    func(any, Env) (Channel, error) { return discard{}, nil },
	}
}

type discard struct{}

// Send implements Channel.
func (discard) Send(context.Context, Notice) error { return nil }
