package notifiers

import "guardian/internal/secret"

// SlackSettings is an incoming webhook of Slack.
type SlackSettings struct {
	Webhook secret.Secret `yaml:"webhook" doc:"The incoming webhook's address, https://hooks.slack.com/services/…"`
	Mention string        `yaml:"mention" doc:"Whom a notice that needs somebody pings: <!here>, <!channel>, <@U…> or <!subteam^S…>."`
}

// DingTalkSettings is a custom robot (自定义机器人) of a DingTalk group.
type DingTalkSettings struct {
	Webhook  secret.Secret `yaml:"webhook" doc:"The robot's address, https://oapi.dingtalk.com/robot/send?access_token=…"`
	Secret   secret.Secret `yaml:"secret" doc:"The secret of the robot's signature (加签), SEC…; leave out when it is not switched on."`
	Keywords []string      `yaml:"keywords" doc:"The robot's keywords (自定义关键词): one of them is put into each message that has none."`
	At       DingTalkAt    `yaml:"at" doc:"Whom a notice that needs somebody pings."`
}

// DingTalkAt is whom a DingTalk robot pings.
type DingTalkAt struct {
	Mobiles []string `yaml:"mobiles" doc:"Mobile numbers; outside China with country code: +65-81234567."`
	UserIDs []string `yaml:"user_ids" doc:"User IDs of the organisation."`
	All     bool     `yaml:"all" doc:"Everybody in the group."`
}

// WebhookSettings is an endpoint of one's own that takes notices as JSON.
type WebhookSettings struct {
	URL    secret.Secret `yaml:"url" doc:"Where notices are posted to as JSON."`
	Secret secret.Secret `yaml:"secret" doc:"Key of the signature in X-Guardian-Signature; leave out for none."`
	Token  secret.Secret `yaml:"token" doc:"Sent as Authorization: Bearer; leave out for none."`
	Expect string        `yaml:"expect" doc:"Text that the answer's body must contain for a notice to count as delivered; empty: any 2xx that reports no error."`
}
