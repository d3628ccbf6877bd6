package server

import (
	"cmp"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// The pace of wrong tokens and logins from one address: so many at once, then one in each interval.
const (
	guessBurst    = 20
	guessInterval = 5 * time.Second
	// mostGuessers bounds the memory: further addresses share one pace.
	mostGuessers = 10_000
	// mostGood bounds how many tokens are remembered as right.
	mostGood = 10_000
	// suspectFor is how long people are told of an address after its last wrong token, and mostSuspects
	// of how many: further ones count as one.
	suspectFor   = time.Hour
	mostSuspects = 100
)

// guesses slows guesses at tokens, by address. A token that was right before is never slowed: whoever
// guesses behind the same address locks nobody out.
type guesses struct {
	trusted []netip.Prefix // of proxies whose word counts on whom they speak for
	now     func() time.Time
	tell    func(address string, wrong int)

	mu   sync.Mutex
	from map[netip.Addr]*guesser
	good map[string]bool // hashes of tokens
	// suspects are the addresses of which people are told, the zero address for those beyond the most.
	suspects map[netip.Addr]*suspect
}

// suspect is an address that is slowed, or was lately.
type suspect struct {
	wrong int
	last  time.Time
}

// Guessing is who sent many wrong tokens or logins within the last hour.
type Guessing struct {
	Addresses []string // the one with the most first
	Wrong     int      // that were tried; slowed ones are not
}

// guesser is an address that sent wrong tokens.
type guesser struct {
	wrong int       // in a row, until it was quiet for long enough
	empty time.Time // when its first guess would be free again, had it made none since
	told  bool
}

func newGuesses(trusted []netip.Prefix, now func() time.Time, tell func(string, int)) *guesses {
	return &guesses{trusted: trusted, now: now, tell: tell, from: map[netip.Addr]*guesser{}, good: map[string]bool{}, suspects: map[netip.Addr]*suspect{}}
}

// allow tells whether a token of this hash may be tried from an address.
func (g *guesses) allow(from netip.Addr, hash string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.from[g.key(from)]
	return g.good[hash] || one == nil || one.empty.Sub(g.now()) <= (guessBurst-1)*guessInterval
}

// tried takes whether it was right. People are told of an address once, until it was quiet.
func (g *guesses) tried(from netip.Addr, hash string, right bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if right {
		if len(g.good) < mostGood {
			g.good[hash] = true
		}
		return
	}
	delete(g.good, hash) // revoked
	now, key := g.now(), g.key(from)
	one := g.from[key]
	if one == nil {
		one = &guesser{}
		g.from[key] = one
	}
	if one.empty.Before(now) {
		*one = guesser{empty: now}
	}
	one.wrong++
	one.empty = one.empty.Add(guessInterval)
	if one.wrong >= guessBurst && !one.told {
		one.told = true
		g.tell(nameOf(key), one.wrong)
		g.suspect(key).wrong += one.wrong - 1
	}
	if one.told {
		s := g.suspect(key)
		s.wrong, s.last = s.wrong+1, now
	}
}

// suspect gives the suspect of an address, under mu.
func (g *guesses) suspect(key netip.Addr) *suspect {
	if g.suspects[key] == nil && len(g.suspects) >= mostSuspects {
		key = netip.Addr{}
	}
	s := g.suspects[key]
	if s == nil {
		s = &suspect{}
		g.suspects[key] = s
	}
	return s
}

// guessing gives of whom people are to be told.
func (g *guesses) guessing() Guessing {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out Guessing
	maps.DeleteFunc(g.suspects, func(_ netip.Addr, s *suspect) bool { return g.now().Sub(s.last) >= suspectFor })
	most := slices.SortedFunc(maps.Keys(g.suspects), func(a, b netip.Addr) int {
		return cmp.Or(g.suspects[b].wrong-g.suspects[a].wrong, a.Compare(b))
	})
	for _, key := range most {
		out.Addresses = append(out.Addresses, nameOf(key))
		out.Wrong += g.suspects[key].wrong
	}
	return out
}

// key is the address that counts: of IPv6 the network, in which one host has very many. Beyond the most
// that are remembered it is that of all others.
func (g *guesses) key(from netip.Addr) netip.Addr {
	from = from.Unmap().WithZone("")
	if from.Is6() {
		from = netip.PrefixFrom(from, 64).Masked().Addr()
	}
	if g.from[from] != nil || len(g.from) < mostGuessers {
		return from
	}
	now := g.now()
	for addr, one := range g.from {
		if one.empty.Before(now) {
			delete(g.from, addr)
		}
	}
	if len(g.from) < mostGuessers {
		return from
	}
	return netip.Addr{}
}

func nameOf(key netip.Addr) string {
	if !key.IsValid() {
		return "many addresses"
	}
	return key.String()
}

// client gives the address of who sent a request: behind a trusted proxy, whom it names.
func (g *guesses) client(r *http.Request) netip.Addr {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	at, _ := netip.ParseAddr(host)
	at = at.Unmap()
	named := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(named) - 1; i >= 0 && g.trusts(at); i-- {
		before, err := netip.ParseAddr(strings.TrimSpace(named[i]))
		if err != nil {
			break
		}
		at = before.Unmap()
	}
	return at
}

func (g *guesses) trusts(at netip.Addr) bool {
	for _, p := range g.trusted {
		if p.Contains(at) {
			return true
		}
	}
	return false
}
