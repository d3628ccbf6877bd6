package notifiers

import (
	"fmt"
	"time"
)

// Examples are notices with which templates are tried: an alert that fires, its end, a failed deploy, a question
// about a rollback, and a digest.
func Examples(language string) []Notice {
	say := func(en, zh string) string {
		if language == "zh" {
			return zh
		}
		return en
	}
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	of := func(id, kind, event, key string, tone Tone) Notice {
		return Notice{
			ID: id, Key: key, Thread: "service/production/order-sync", Tier: "critical", Tone: tone, Kind: kind, Event: event, Lang: say("en", "zh"),
			Labels:  map[string]string{"service": "order-sync", "environment": "production", "tier": "critical", "notice": kind, "notice_event": event},
			Links:   []Link{{Text: say("Details", "详情"), URL: "https://guardian.example.com/alerts"}},
			Created: at,
		}
	}
	alert := Alert{
		Labels:      map[string]string{"alertname": "OrderPushesFail", "service": "order-sync", "shop": "sg-1", "tier": "critical"},
		Annotations: map[string]string{"summary": say("order pushes fail", "推单失败")},
		StartsAt:    at, GeneratorURL: "https://guardian.example.com/alerts", Fingerprint: "c1d2e3f405162738",
	}
	firing := of("n_example", "alert", "firing", "alerts/oncall/order-sync", Bad)
	firing.Labels["alertname"], firing.Labels["shop"] = "OrderPushesFail", "sg-1"
	firing.Title = say("[critical] order-sync: order pushes fail", "【严重】order-sync：推单失败")
	firing.Text = say("Active since 18:02:10.\n11 of 20 pushes failed", "18:02:10 起异常。\n20 次推单中 11 次失败")
	firing.Facts = []Fact{{Name: say("Value", "当前值"), Value: "0.45"}, {Name: say("Shop", "店铺"), Value: "shopee / sg-1"}}
	firing.Steps = []string{say("Look at the marketplace's status page", "查看平台状态页")}
	firing.Mention = true
	firing.Group = &Group{Key: "oncall/order-sync", Labels: map[string]string{"service": "order-sync"}, Alerts: []Alert{alert}}

	over := of("n_example_2", "alert", "resolved", firing.Key, Good)
	over.Labels = firing.Labels
	over.Title = say("Resolved: order-sync: order pushes fail", "【已恢复】order-sync：推单失败")
	over.Text = say("Resolved at 18:09:40, after 7m 30s.", "18:09:40 恢复，持续 7 分 30 秒。")
	over.Facts = firing.Facts[1:]
	alert.EndsAt = at.Add(450 * time.Second)
	over.Group = &Group{Key: "oncall/order-sync", Labels: map[string]string{"service": "order-sync"}, Alerts: []Alert{alert}}

	verdict := of("n_example_3", "watch", "failed", "watch/order-sync/v1.5.0", Bad)
	verdict.Title = say("Deploy failed: order-sync v1.5.0 is rolled back", "【部署异常】order-sync v1.5.0，正在回滚")
	verdict.Text = say("Since the deploy 9 of 12 looks of order-push failed; before it 1 of 400.", "部署后 order-push 的 12 次检查中 9 次失败，部署前 400 次中 1 次。")
	verdict.Facts = []Fact{{Name: say("Deploy", "部署"), Value: "v1.4.2 → v1.5.0"}}

	question := of("n_example_4", "run", "awaiting_approval", "run/r_example", Warn)
	question.Title = say("To approve: roll order-sync back from v1.5.0 to v1.4.2", "【待批准】order-sync 从 v1.5.0 回滚到 v1.4.2")
	question.Text = say("It is done once it is approved.", "批准后才会执行。")
	question.Steps, question.Mention = []string{say("Approve it on the page of the run", "在处置详情页批准")}, true

	return []Notice{firing, over, verdict, question, Merge([]Notice{verdict, firing, over})}
}

func exampleName(n Notice) string {
	return "the example " + fmt.Sprintf("%q", shorten(oneLine(n.title()), 40, "…", one))
}

// oddExamples are a notice that has only what every notice has, and one whose texts have what JSON must
// escape.
func oddExamples() []Notice {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	return []Notice{{ID: "n_example_5", Key: "test/oncall", Tier: "info", Tone: Neutral, Title: "Only a title", Created: at}, {
		ID: "n_example_6", Key: "alert/1/order-sync", Tier: "critical", Tone: Bad, Lang: "zh",
		Labels: map[string]string{"service": `a"b\c`},
		Title:  `引号 " 反斜杠 \ 尖括号 <b> & 花括号 {{}} 换行`,
		Text:   "第一行 \"\\\n第二行\t<tag>\u2028",
		Links:  []Link{{Text: "Details", URL: "https://guardian.example.com/alerts"}}, Created: at,
	}}
}
