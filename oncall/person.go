package oncall

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Person is somebody who can be on call, and how channels reach and mention them.
type Person struct {
	Name      string   `yaml:"name" required:"true" doc:"The person's name in rotations, overrides and escalations, and in the summaries of calendars."`
	FullName  string   `yaml:"full_name" doc:"The name as it is shown; default: name."`
	Mobile    string   `yaml:"mobile" doc:"Mobile number, by which DingTalk, WeCom and SMS reach the person: 13800138000, or with country code +65-81234567."`
	DingTalk  string   `yaml:"dingtalk" doc:"DingTalk user ID; without it the mobile number is mentioned."`
	WeCom     string   `yaml:"wecom" doc:"WeCom user ID; without it the mobile number is mentioned."`
	Feishu    string   `yaml:"feishu" doc:"Feishu open ID, such as ou_7d8a6e6df7621556."`
	Slack     string   `yaml:"slack" doc:"Slack member ID, such as U012AB3CD."`
	Mail      string   `yaml:"mail" doc:"E-mail address; also matches attendees of calendar events."`
	Language  string   `yaml:"language" enum:"zh,en" doc:"Language of notices to the person's own receivers that set none; default: the server's."`
	Timezone  string   `yaml:"timezone" doc:"The person's time zone, such as Asia/Shanghai, in which notices to their own receivers give times; default: the server's."`
	Receivers []string `yaml:"receivers" doc:"Receivers that reach this person alone, such as an SMS gateway; an escalation step that names a person or a schedule and no receiver uses them."`
}

// Shown returns the name as people read it.
func (p Person) Shown() string {
	if p.FullName != "" {
		return p.FullName
	}
	return p.Name
}

// Reachable reports whether any channel can mention the person or has a receiver of theirs.
func (p Person) Reachable() bool {
	return p.Mobile+p.DingTalk+p.WeCom+p.Feishu+p.Slack+p.Mail != "" || len(p.Receivers) > 0
}

var (
	mobileNumber = regexp.MustCompile(`^(\+\d{1,3}-?)?\d{5,15}$`)
	slackMember  = regexp.MustCompile(`^[UW][A-Z0-9]{6,}$`)
	mailAddress  = regexp.MustCompile(`^[^@\s<>]+@[^@\s<>]+$`)
)

// Validate returns all mistakes in a person.
func (p Person) Validate() error {
	var errs []error
	if p.Mobile != "" && !mobileNumber.MatchString(p.Mobile) {
		errs = append(errs, errors.New("mobile is not a number such as 13800138000 or +65-81234567"))
	}
	if p.Slack != "" && !slackMember.MatchString(p.Slack) {
		errs = append(errs, errors.New("slack is not a member ID such as U012AB3CD: open the profile in Slack and choose Copy member ID"))
	}
	if p.Mail != "" && !mailAddress.MatchString(p.Mail) {
		errs = append(errs, errors.New("mail is not an address such as wei@example.com"))
	}
	if _, err := zoneNamed(p.Timezone, time.UTC); err != nil {
		errs = append(errs, fmt.Errorf("timezone: %w", err))
	}
	return errors.Join(errs...)
}

// zoneNamed loads a time zone; "" is the default.
func zoneNamed(name string, fallback *time.Location) (*time.Location, error) {
	if name == "" {
		return fallback, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // Local would depend on the machine
		return fallback, fmt.Errorf("%q is not a time zone such as Asia/Shanghai", name)
	}
	return zone, nil
}

// directory finds people by the words by which calendars name them.
type directory map[string]string

func newDirectory(people []Person) directory {
	d := directory{}
	for _, p := range people {
		for _, word := range []string{p.Mail, p.FullName, p.Name} {
			if word != "" {
				d[strings.ToLower(word)] = p.Name
			}
		}
	}
	return d
}

// separators are what stands between a name and other words in an event's summary.
var separators = regexp.MustCompile(`[,;:|/&+()\[\]，；：、（）【】]|\s[-–—]\s`)

// named returns the people that a summary names, sorted: as a whole ("Wei Wang"), or between
// separators ("On call - Wei Wang - orders"). A name inside of another word does not count.
func (d directory) named(summary string) []string {
	words := append([]string{summary}, separators.Split(summary, -1)...)
	var found []string
	for _, w := range words {
		if name, ok := d[strings.ToLower(strings.TrimSpace(w))]; ok {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
