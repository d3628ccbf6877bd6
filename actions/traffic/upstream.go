package traffic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// upstreamText is what a file with one upstream says.
type upstreamText struct {
	name       string
	servers    []serverText
	directives []string
}

type serverText struct {
	address string
	weight  int // 0: down
	options []string
}

// render gives the file of the servers that have a weight. One without is left out and not "down":
// nginx sets aside the last server that is left after a single failure when it is one of several,
// and asks it on when it is the only one.
func (p pools) render(s NGINXSettings, weights []int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Guardian divides the traffic here. Servers without a share are left out.\nupstream %s {\n", s.Upstream)
	for i, v := range p {
		if weights[i] == 0 {
			fmt.Fprintf(&b, "    # %s: %s\n", v.Pool, v.Server)
			continue
		}
		fmt.Fprintf(&b, "    server %s;  # %s\n", strings.Join(append([]string{v.Server, fmt.Sprintf("weight=%d", weights[i])}, strings.Fields(v.Options)...), " "), v.Pool)
	}
	for _, d := range s.Directives {
		fmt.Fprintf(&b, "    %s;\n", strings.Join(strings.Fields(d), " "))
	}
	b.WriteString("}\n")
	return b.String()
}

// weightsIn gives the weights of the servers in a file. The error says in which way the file is not one
// with the upstream of the settings, whoever wrote it.
func (p pools) weightsIn(text string, s NGINXSettings) ([]int, error) {
	u, err := parseUpstream(text)
	if err != nil {
		return nil, err
	}
	if u.name != s.Upstream {
		return nil, fmt.Errorf("it has the upstream %q", u.name)
	}
	weights := make([]int, len(p))
	seen := map[string]bool{}
	for _, v := range u.servers {
		i := slices.IndexFunc(p, func(s ServerSettings) bool { return s.Server == v.address })
		if i < 0 {
			return nil, fmt.Errorf("server %s is not under servers", v.address)
		}
		if seen[v.address] {
			return nil, fmt.Errorf("server %s stands there twice", v.address)
		}
		seen[v.address] = true
		if want := strings.Fields(p[i].Options); !sameSet(v.options, want) {
			return nil, fmt.Errorf("server %s has the parameters %q, and its options are %q", v.address, strings.Join(v.options, " "), strings.Join(want, " "))
		}
		weights[i] = v.weight
	}
	var want []string
	for _, d := range s.Directives {
		want = append(want, strings.Join(strings.Fields(d), " "))
	}
	if !sameSet(u.directives, want) {
		return nil, fmt.Errorf("it has the directives %q, and under directives are %q", u.directives, want)
	}
	return weights, nil
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// parseUpstream reads a file that holds one upstream and nothing else.
func parseUpstream(text string) (u upstreamText, err error) {
	tokens, err := tokensOf(text)
	if err != nil {
		return u, err
	}
	if len(tokens) < 4 || tokens[0] != "upstream" || tokens[2] != "{" || slices.Index(tokens, "}") != len(tokens)-1 {
		return u, fmt.Errorf("it does not hold one upstream and nothing else")
	}
	u.name = tokens[1]
	for rest := tokens[3 : len(tokens)-1]; len(rest) > 0; {
		end := slices.Index(rest, ";")
		if end < 1 || slices.Contains(rest[:end], "{") {
			return u, fmt.Errorf("it does not hold one upstream and nothing else")
		}
		words := rest[:end]
		rest = rest[end+1:]
		if words[0] != "server" || len(words) < 2 {
			u.directives = append(u.directives, strings.Join(words, " "))
			continue
		}
		v, err := parseServer(words[1:])
		if err != nil {
			return u, err
		}
		u.servers = append(u.servers, v)
	}
	return u, nil
}

func parseServer(words []string) (serverText, error) {
	v := serverText{address: words[0], weight: 1}
	down := false
	for _, o := range words[1:] {
		weight, ok := strings.CutPrefix(o, "weight=")
		switch {
		case ok:
			n, err := strconv.Atoi(weight)
			if err != nil || n < 1 || n > mostNginxWeight {
				return v, fmt.Errorf("server %s has the weight %q", v.address, weight)
			}
			v.weight = n
		case o == "down":
			down = true
		default:
			v.options = append(v.options, o)
		}
	}
	if down {
		v.weight = 0
	}
	return v, nil
}

// tokensOf splits a configuration of nginx into words, semicolons and braces.
func tokensOf(text string) ([]string, error) {
	var all []string
	for text != "" {
		switch c := text[0]; {
		case strings.ContainsRune(" \t\r\n", rune(c)):
			text = text[1:]
		case c == '#':
			_, text, _ = strings.Cut(text, "\n")
		case strings.ContainsRune(";{}", rune(c)):
			all, text = append(all, text[:1]), text[1:]
		case strings.ContainsRune(`"'\`, rune(c)):
			return nil, fmt.Errorf("it has quotation marks")
		default:
			end := strings.IndexAny(text, " \t\r\n;{}\"'\\")
			if end < 0 {
				end = len(text)
			}
			all, text = append(all, text[:end]), text[end:]
		}
	}
	return all, nil
}
