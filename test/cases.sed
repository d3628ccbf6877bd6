# Renames configuration keys of earlier builds: sed -E -i -f test/cases.sed guardian.yaml
# One rule for each key that internal/config/renamed.go names, for flow style ({a: 1, b: 2})
# and block style. A key's context is its section; between the section and the key stand
# other keys, whose values may be in one more pair of braces, or templates ({{.To}}).

# Read the whole file: block style spans lines.
:read
$!{
N
b read
}
s/^/\n/

# services[].watch: missed, bad and soak are keys of fast_phase now.
s/([{ ,\n])missed: *([0-9.]+%?)/\1fast_phase: {miss_rate: \2}/g
s/([{ ,\n])bad: *([0-9.]+%?)/\1fast_phase: {failure_rate: \2}/g
s/([{ ,\n])soak: *([0-9a-z]+)/\1fast_phase: {min_duration: \2}/g
:phase
s/fast_phase: \{([^{}\n]*)\}(([^{}\n]|\{\{[^{}\n]*\}\}|\{[^{}\n]*\})*), *fast_phase: \{([^{}\n]*)\}/fast_phase: {\1, \4}\2/
s/(\n( +)fast_phase: \{)([^{}\n]*)(\}[^\n]*(\n\2[^\n]*)*)\n\2fast_phase: \{([^{}\n]*)\}[^\n]*/\1\3, \6\4/
t phase

# runbooks[].daily, runbooks[].steps[].repeatable
s/([{ ,\n])daily:/\1max_runs_per_day:/g
s/([{ ,\n])repeatable:/\1idempotent:/g

# brake.services
s/(\nbrake: *\{[^{}\n]*)\bservices:/\1max_failing_services:/
s/(\nbrake: *\n( +[^\n]*\n)* +)services:/\1max_failing_services:/

# checks[].burst and defaults.burst; the burst of marketplaces.operations is a number and stays.
s/([{ ,\n])burst:( *(\{|\n))/\1recheck:\2/g
:recheck
s/(\brecheck: *\{[^{}\n]*)\bevery:/\1interval:/
s/(\n( *)(- +)?recheck: *\n(\2 +[^\n]*\n)*\2 +)every:/\1interval:/
t recheck

# checks[].order_push: see, daily_max
s/([{ ,\n])see:( *(\{|\n))/\1lookup:\2/g
s/([{ ,\n])daily_max:/\1max_orders_per_day:/g

# body_not of every expect
s/([{ ,\n])body_not:/\1body_not_contains:/g

# checks[].path: in a check service stands before it
:path
s/(\{name: [^{}\n]*\bservice: ([^{}\n]|\{\{[^{}\n]*\}\}|\{[^{}\n]*\})*, *)path:/\1network_path:/
s/(\n( +)service: [^\n]*(\n\2[^\n]*)*\n\2)path:/\1network_path:/
t path

# heartbeat.within, approval.within, poll.within
:within
s/(\bheartbeat: *\{[^{}\n]*)\bwithin:/\1period:/
s/(\n( *)(- +)?heartbeat: *\n(\2 +[^\n]*\n)*\2 +)within:/\1period:/
s/(\bapproval: *\{[^{}\n]*)\bwithin:/\1timeout:/
s/(\n( *)(- +)?approval: *\n(\2 +[^\n]*\n)*\2 +)within:/\1timeout:/
s/(\bpoll: *\{([^{}\n]|\{\{[^{}\n]*\}\}|\{[^{}\n]*\})*)\bwithin:/\1timeout:/
s/(\n( *)(- +)?poll: *\n(\2 +[^\n]*\n)*\2 +)within:/\1timeout:/
t within

# docker steps and pages
:docker
s/(\bdocker: *\{([^{}\n]|\{\{[^{}\n]*\}\}|\{[^{}\n]*\})*)\bwithin:/\1healthy_deadline:/
s/(\n( *)(- +)?docker: *\n(\2 +[^\n]*\n)*\2 +)within:/\1healthy_deadline:/
s/(\bdocker: *\{([^{}\n]|\{\{[^{}\n]*\}\}|\{[^{}\n]*\})*)\bsettle:/\1min_healthy_time:/
s/(\n( *)(- +)?docker: *\n(\2 +[^\n]*\n)*\2 +)settle:/\1min_healthy_time:/
s/(\bdocker: *\{([^{}\n]|\{\{[^{}\n]*\}\}|\{[^{}\n]*\})*)\bstop:/\1stop_timeout:/
s/(\n( *)(- +)?docker: *\n(\2 +[^\n]*\n)*\2 +)stop:/\1stop_timeout:/
s/(\bpage: *\{([^{}\n]|\{\{[^{}\n]*\}\}|\{[^{}\n]*\})*)\bsettle:/\1wait_after_load:/
s/(\n( *)(- +)?page: *\n(\2 +[^\n]*\n)*\2 +)settle:/\1wait_after_load:/
t docker

# ask of exec steps is a list, ask of webhook steps is a mapping.
s/([{ ,\n])ask:( *(\[|\n *- ))/\1status_command:\2/g
s/([{ ,\n])ask:( *(\{|\n))/\1status_request:\2/g

# marketplaces.share
s/(\nmarketplaces: *\{([^{}\n]|\{\{[^{}\n]*\}\}|\{[^{}\n]*\})*)\bshare:/\1max_quota_share:/
s/(\nmarketplaces: *\n(  +[^\n]*\n)*  )share:/\1max_quota_share:/

s/^\n//
