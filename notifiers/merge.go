package notifiers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fewMerged is up to how many notices of a digest are told with their texts.
const fewMerged = 5

// Merge combines notices into a digest with one line for each, most severe first; those of a few
// are followed by their texts. Its title counts by tier what is wrong, and apart what is over. The
// digest has the most severe tier and the worst tone of them and their common labels, mentions
// people if one of them does, and its ID is a hash of their IDs. A single notice is returned
// unchanged; for none, the zero Notice.
func Merge(notices []Notice) Notice {
	switch len(notices) {
	case 0:
		return Notice{}
	case 1:
		return notices[0]
	}
	byTier := slices.Clone(notices)
	slices.SortStableFunc(byTier, func(a, b Notice) int { return severity(a.Tier) - severity(b.Tier) })
	first := byTier[0]
	w := wordsOf(first.Lang)
	out := Notice{
		Key: "digest", Tier: first.Tier, Tone: Neutral, Lang: first.Lang,
		Labels: common(byTier),
	}
	hash := sha256.New()
	counts, over := [3]int{}, 0
	var lines []string
	for _, n := range byTier {
		_, _ = fmt.Fprintf(hash, "%q", n.ID)
		if n.isOver() {
			over++
		} else {
			counts[severity(n.Tier)]++
		}
		if toneRank(n.Tone) > toneRank(out.Tone) {
			out.Tone = n.Tone
		}
		out.Mention = out.Mention || n.Mention
		for _, p := range n.People {
			if !slices.Contains(out.People, p) {
				out.People = append(out.People, p)
			}
		}
		if n.Created.After(out.Created) {
			out.Created = n.Created
		}
		out.Merged = append(out.Merged, n.ID)
		lines = append(lines, n.Tone.Emoji()+" "+shorten(oneLine(n.title()), 120, "…", one)+apart(n, byTier, out.Labels))
		if len(byTier) <= fewMerged && n.Text != "" && n.Text != n.title() {
			lines = append(lines, shortenText(oneLine(n.Text), 300, one))
		}
		if len(n.Links) > 0 && len(out.Links) < 5 {
			l := Link{Text: shorten(oneLine(n.title()), 24, "…", one), URL: n.Links[0].URL}
			same := func(o Link) bool { return o.URL == l.URL }
			if !slices.ContainsFunc(out.Links, same) {
				out.Links = append(out.Links, l)
			}
		}
	}
	var parts []string
	for i, text := range []string{w.critical, w.warning, w.info, w.resolved} {
		if count := append(counts[:], over)[i]; count > 0 {
			parts = append(parts, fmt.Sprintf(text, count))
		}
	}
	out.ID = "digest_" + hex.EncodeToString(hash.Sum(nil)[:13])
	out.Title = fmt.Sprintf(w.digest, len(byTier)) + strings.Join(parts, w.comma)
	out.Text = strings.Join(lines, "\n")
	return out
}

// apart are the labels of a notice that tell it from others of a digest that are titled alike.
func apart(n Notice, all []Notice, common map[string]string) string {
	alike := 0
	for _, other := range all {
		if other.title() == n.title() {
			alike++
		}
	}
	if alike < 2 {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(n.Labels)) {
		v, about := n.Labels[name], name != "tier" && name != "severity" && !strings.HasPrefix(name, "notice")
		if about && v != common[name] && !strings.Contains(n.title(), v) {
			parts = append(parts, name+"="+v)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return wordsOf(n.Lang).comma + shorten(oneLine(strings.Join(parts, ", ")), 80, "…", one)
}

// isOver reports whether the notice says that what was wrong is over.
func (n Notice) isOver() bool { return n.Event == resolved || n.Tone == Good && severity(n.Tier) < 2 }

func one(rune) int { return 1 }

// severity orders tiers: 0 is the most severe one. Unknown tiers count as info.
func severity(tier string) int {
	switch tier {
	case "critical":
		return 0
	case "warning":
		return 1
	default:
		return 2
	}
}

func toneRank(t Tone) int { return slices.Index([]Tone{Neutral, Good, Warn, Bad}, t) }

func common(notices []Notice) map[string]string {
	out := map[string]string{}
	for k, v := range notices[0].Labels {
		differs := func(n Notice) bool { return n.Labels[k] != v }
		if !slices.ContainsFunc(notices, differs) {
			out[k] = v
		}
	}
	return out
}
