package notifiers

// words are the texts that rendering adds to a notice.
type words struct {
	steps            string
	colon            string
	shortened        string
	shortenedSeeLink string
	digest           string // count
	critical         string // count
	warning          string
	info             string
	resolved         string // count
	comma            string
	everybody        string
	late, writtenAgo string // minutes
	sentHere         string
	notTaken         string // receivers
}

func wordsOf(lang string) words {
	if lang == "zh" {
		return words{
			steps: "可以这样处理", colon: "：",
			shortened:        "（内容过长，已截断）",
			shortenedSeeLink: "（内容过长，已截断，完整内容见链接）",
			digest:           "%d 条通知合并：", critical: "严重 %d", warning: "警告 %d", info: "提示 %d", resolved: "已恢复 %d", comma: "，",
			everybody: "所有人",
			late:      "延迟送达", writtenAgo: "内容生成于 %d 分钟前",
			sentHere: "代发原因", notTaken: "接收方 %s 未能送达",
		}
	}
	return words{
		steps: "What you can do", colon: ": ",
		shortened:        "(shortened: it was too long)",
		shortenedSeeLink: "(shortened: it was too long; the link has all of it)",
		digest:           "%d notices in one: ", critical: "%d critical", warning: "%d warning", info: "%d info", resolved: "%d resolved", comma: ", ",
		everybody: "all",
		late:      "Late", writtenAgo: "written %d min ago",
		sentHere: "Sent here because", notTaken: "%s did not take it",
	}
}

// Emoji returns the sign that is put before the title to show the tone.
func (t Tone) Emoji() string {
	switch t {
	case Bad:
		return "🔴"
	case Warn:
		return "🟠"
	case Good:
		return "🟢"
	case Neutral:
		return "🔵"
	default:
		return "🔵"
	}
}
