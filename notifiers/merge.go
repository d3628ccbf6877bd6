package notifiers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const mergedLines = 20

// Merge makes one notice of several: a digest with one line for each, loudest first. It has
// the loudest tier and worst tone among them, the labels that all have in common, pings when
// one of them does, and an ID that depends on theirs alone. One notice is given back as it
// is; of none, the zero Notice.
func Merge(notices []Notice) Notice {
	switch len(notices) {
	case 0:
		return Notice{}
	case 1:
		return notices[0]
	}
	byTier := slices.Clone(notices)
	slices.SortStableFunc(byTier, func(a, b Notice) int { return loudness(a.Tier) - loudness(b.Tier) })
	first := byTier[0]
	w := wordsOf(first.Lang)
	out := Notice{
		Key: "digest", Tier: first.Tier, Tone: Neutral, Lang: first.Lang,
		Labels: common(byTier),
	}
	hash := sha256.New()
	counts := [3]int{}
	var lines []string
	for _, n := range byTier {
		_, _ = fmt.Fprintf(hash, "%q", n.ID)
		counts[loudness(n.Tier)]++
		if gravity(n.Tone) > gravity(out.Tone) {
			out.Tone = n.Tone
		}
		out.Mention = out.Mention || n.Mention
		if n.Created.After(out.Created) {
			out.Created = n.Created
		}
		if len(lines) < mergedLines {
			lines = append(lines, n.Tone.sign()+" "+shorten(oneLine(n.title()), 120, "…", one))
		}
		if len(n.Links) > 0 && len(out.Links) < 5 {
			l := Link{Text: shorten(oneLine(n.title()), 24, "…", one), URL: n.Links[0].URL}
			same := func(o Link) bool { return o.URL == l.URL }
			if !slices.ContainsFunc(out.Links, same) {
				out.Links = append(out.Links, l)
			}
		}
	}
	if rest := len(byTier) - len(lines); rest > 0 {
		lines = append(lines, fmt.Sprintf(w.more, rest))
	}
	var parts []string
	for i, text := range []string{w.critical, w.warning, w.info} {
		if counts[i] > 0 {
			parts = append(parts, fmt.Sprintf(text, counts[i]))
		}
	}
	out.ID = "digest_" + hex.EncodeToString(hash.Sum(nil)[:13])
	out.Title = fmt.Sprintf(w.digest, len(byTier)) + strings.Join(parts, w.comma)
	out.Text = strings.Join(lines, "\n")
	return out
}

func one(rune) int { return 1 }

// loudness orders tiers, the loudest first; what is not known is quiet.
func loudness(tier string) int {
	switch tier {
	case "critical":
		return 0
	case "warning":
		return 1
	default:
		return 2
	}
}

func gravity(t Tone) int { return slices.Index([]Tone{Neutral, Good, Warn, Bad}, t) }

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
