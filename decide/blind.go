package decide

import (
	"maps"
	"slices"
	"time"

	"guardian/internal/reason"
)

// Sight is how a check sees at a moment.
type Sight struct {
	Looked bool // it was looked at at least once
	Blind  bool
	Since  time.Time // since when it is blind
	Why    reason.Reason
}

// Cut is a network path that is cut off: none of its controls answers.
type Cut struct {
	Since time.Time
	Why   reason.Reason
}

// View is how all checks see at a moment.
type View struct {
	Checks map[string]Sight // by check
	Cuts   map[string]Cut   // by path: those that are cut off
}

// BlindKind is what changed about blindness.
type BlindKind string

// The kinds of news about blindness.
const (
	CheckBlind BlindKind = "check_blind"
	CheckSees  BlindKind = "check_sees"
	PathCut    BlindKind = "path_cut"
	PathBack   BlindKind = "path_back"
	AllBlind   BlindKind = "all_blind"
	AllSee     BlindKind = "all_see"
)

// BlindNews is something that people are to be notified of: once that it began, and once that
// it ended.
type BlindNews struct {
	Kind   BlindKind
	Check  Check  // of CheckBlind and CheckSees
	Path   string // of PathCut and PathBack
	Checks int    // how many checks it is about, of the others
	// Services are those, of PathCut, of which no check can look: of them nobody would hear anything.
	Services []string
	Since    time.Time // since when it is, or was, blind
	Why      reason.Reason
}

// Blindness remembers what people were notified of about checks that cannot look. The zero
// value remembers nothing. One goroutine owns it.
type Blindness struct {
	// Before says since when something is blind of which the guardian that had the lease before
	// notified people last; it is asked once for each check and path. nil: nothing is known.
	Before func(BlindNews) (time.Time, bool)

	met    map[string]bool      // checks, and paths after "path/", for which Before was asked
	checks map[string]time.Time // since when it is blind, as people were notified
	paths  map[string]time.Time
	all    time.Time
	cut    map[string]bool      // whether the path was cut off at the last step
	back   map[string]time.Time // when the path was back
}

// Step gives the news of a moment. What people were notified of is to be confirmed by
// Notified; what is not confirmed is news again at the next step. When no check at all can
// look that is one news and not one for each check, and so is a path that is cut off.
func (b *Blindness) Step(s *Settings, v View, now time.Time) []BlindNews {
	if b.met == nil {
		b.met, b.checks, b.paths = map[string]bool{}, map[string]time.Time{}, map[string]time.Time{}
		b.cut, b.back = map[string]bool{}, map[string]time.Time{}
	}
	checks := s.looking()
	if n, is := allBlind(checks, v, now); is {
		if !b.met["all"] {
			b.met["all"] = true
			b.all, _ = b.before(n)
		}
		if b.all.IsZero() {
			return []BlindNews{n}
		}
		return nil
	}
	var news []BlindNews
	if !b.all.IsZero() && slices.ContainsFunc(checks, func(c Check) bool { return !v.Checks[c.Check].Blind }) {
		news = append(news, BlindNews{Kind: AllSee, Checks: len(checks), Since: b.all})
		for _, c := range checks {
			b.back[c.Path] = now
		}
	}
	for _, path := range s.PathsWithControls() {
		news = append(news, b.path(s, path, v, now)...)
	}
	for _, c := range checks {
		news = append(news, b.check(c, v, now)...)
	}
	return news
}

// Notified takes over that people were notified of some news.
func (b *Blindness) Notified(n BlindNews) {
	switch n.Kind {
	case AllBlind:
		b.all = n.Since
	case AllSee:
		b.all = time.Time{}
	case PathCut:
		b.paths[n.Path] = n.Since
	case PathBack:
		delete(b.paths, n.Path)
	case CheckBlind:
		b.checks[n.Check.Check] = n.Since
	case CheckSees:
		delete(b.checks, n.Check.Check)
	}
}

func (b *Blindness) before(n BlindNews) (time.Time, bool) {
	if b.Before == nil {
		return time.Time{}, false
	}
	return b.Before(n)
}

// allBlind tells whether every check is blind for longer than it may be, and no cut of a path
// explains it.
func allBlind(checks []Check, v View, now time.Time) (BlindNews, bool) {
	news := BlindNews{Kind: AllBlind, Checks: len(checks)}
	explained := true
	for _, c := range checks {
		sight := v.Checks[c.Check]
		if !sight.Blind || now.Sub(sight.Since) < c.BlindAfter {
			return news, false
		}
		if _, isCut := v.Cuts[c.Path]; !isCut {
			explained = false
		}
		if news.Since.IsZero() || sight.Since.Before(news.Since) {
			news.Since, news.Why = sight.Since, sight.Why
		}
	}
	return news, len(checks) > 1 && !explained
}

func (b *Blindness) path(s *Settings, path string, v View, now time.Time) []BlindNews {
	c, isCut := v.Cuts[path]
	n := BlindNews{Kind: PathCut, Path: path, Checks: s.checksOn(path), Since: c.Since, Why: c.Why}
	if !b.met["path/"+path] {
		b.met["path/"+path] = true
		if since, ok := b.before(n); ok {
			b.paths[path] = since
		}
	}
	if isCut {
		n.Services = s.unseen(path, v, now)
	}
	since, told := b.paths[path]
	wasCut := b.cut[path]
	b.cut[path] = isCut
	if !isCut && (told || wasCut) {
		b.back[path] = now
	}
	switch {
	case isCut && !told && (len(n.Services) > 0 || s.cutForLong(path, c, now)):
		return []BlindNews{n}
	case !isCut && told:
		n.Kind, n.Since = PathBack, since
		return []BlindNews{n}
	default:
		return nil
	}
}

func (b *Blindness) check(c Check, v View, now time.Time) []BlindNews {
	sight := v.Checks[c.Check]
	n := BlindNews{Kind: CheckBlind, Check: c, Checks: 1, Since: sight.Since, Why: sight.Why}
	if !b.met[c.Check] && sight.Looked {
		b.met[c.Check] = true
		if since, ok := b.before(n); ok {
			b.checks[c.Check] = since
		}
	}
	since, told := b.checks[c.Check]
	// What the cut of a path explains is told with the path, and until a check was looked at
	// again its blindness is the path's.
	from := sight.Since
	if back := b.back[c.Path]; back.After(from) {
		from = back
	}
	_, isCut := v.Cuts[c.Path]
	switch {
	case sight.Blind && !told && !isCut && now.Sub(from) >= c.BlindAfter:
		return []BlindNews{n}
	case !sight.Blind && told:
		n.Kind, n.Since = CheckSees, since
		return []BlindNews{n}
	default:
		return nil
	}
}

// cutForLong tells whether a path is cut off for longer than one of its controls may be blind.
func (s *Settings) cutForLong(path string, c Cut, now time.Time) bool {
	return slices.ContainsFunc(s.Checks, func(k Check) bool {
		return k.Control && k.Path == path && now.Sub(c.Since) >= k.BlindAfter
	})
}

// unseenAfter is how long no check of a service may be able to look because of a cut before people are
// notified, whatever its controls allow: that a whole service is out of sight may be its own outage.
const unseenAfter = time.Minute

// unseen gives the services with checks on a path that is cut off, of which no check could look for
// unseenAfter because of cuts.
func (s *Settings) unseen(path string, v View, now time.Time) []string {
	on, sees := map[string]bool{}, map[string]bool{}
	for _, c := range s.looking() {
		if c.Control {
			continue
		}
		sight := v.Checks[c.Check]
		_, isCut := v.Cuts[c.Path]
		if !isCut || !sight.Blind || now.Sub(sight.Since) < unseenAfter {
			sees[c.Service] = true
		}
		on[c.Service] = on[c.Service] || c.Path == path
	}
	maps.DeleteFunc(on, func(service string, here bool) bool { return !here || sees[service] })
	return slices.Sorted(maps.Keys(on))
}

// looking gives the checks whose blindness tells something: one of kind drift is unknown whenever
// something is under way, and looks at no marketplace.
func (s *Settings) looking() []Check {
	return slices.DeleteFunc(slices.Clone(s.Checks), func(c Check) bool { return c.Kind == DriftKind })
}

// PathsWithControls gives the paths that may be found cut off, in order.
func (s *Settings) PathsWithControls() []string {
	var names []string
	for _, c := range s.Checks {
		if c.Control && !slices.Contains(names, c.Path) {
			names = append(names, c.Path)
		}
	}
	return names
}

func (s *Settings) checksOn(path string) (n int) {
	for _, c := range s.looking() {
		if c.Path == path {
			n++
		}
	}
	return n
}
