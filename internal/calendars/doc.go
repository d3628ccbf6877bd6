// Package calendars reads the calendars of on-call schedules from their addresses, again and
// again. The last copy that could be read stays in use, also after a restart: a calendar service
// that is down must not leave a schedule without people.
//
// What a calendar says is package oncall's business. Start at Calendars.
package calendars
