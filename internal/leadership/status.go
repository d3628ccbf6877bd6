package leadership

import "guardian/internal/store"

// Status says who leads, as far as this guardian knows.
type Status struct {
	Leading  bool // this guardian leads
	Starting bool // this guardian has the lease, and takes over what is open
	// Other is the lease of another process; nil: this guardian leads, or has not heard yet.
	Other *store.Lease
	// Former says that Other belongs to the process that ran at this guardian's address before.
	Former bool
}

// Status says who leads.
func (e *Elector) Status() Status {
	if e.held.Load() != nil {
		leading := e.leading.Load()
		return Status{Leading: leading, Starting: !leading}
	}
	other := e.other.Load()
	return Status{Other: other, Former: other != nil && other.Addr == e.o.Address}
}

// LeaderAddress tells whether this guardian leads, and if not, the address of the one that does;
// "" when there is none to which a request could be forwarded.
func (e *Elector) LeaderAddress() (self bool, address string) {
	switch s := e.Status(); {
	case s.Leading:
		return true, ""
	case s.Other == nil || s.Former:
		// Nobody answers at the address of this guardian's former process but itself.
		return false, ""
	default:
		return false, s.Other.Addr
	}
}

// Current is the leadership of now; nil when this guardian does not have the lease.
func (e *Elector) Current() *Leadership { return e.held.Load() }

// MayAct tells, at the last moment before something is done or told, whether this guardian is
// still the one to do it.
func (e *Elector) MayAct() bool {
	l := e.held.Load()
	return l != nil && l.Valid()
}

// Token is the fencing token of now; the zero value, which the journal refuses, when this guardian
// does not have the lease.
func (e *Elector) Token() store.Fence {
	if l := e.held.Load(); l != nil {
		return l.Token()
	}
	return 0
}
