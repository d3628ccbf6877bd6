package reason

// trafficWords are the codes of steps of kind traffic.
func trafficWords(code string) (Words, bool) {
	switch code {
	case "traffic_before":
		return Words{"before: {now}", "之前：{now}"}, true
	case "traffic_after":
		return Words{"now: {now}", "现在：{now}"}, true
	case "traffic_now":
		return Words{"traffic is divided as {now}", "当前流量分配：{now}"}, true
	case "traffic_there":
		return Words{"it is so already: nothing to do", "已经如此，无需操作"}, true
	case "traffic_not_loaded":
		return Words{"the file says {now}, and nginx has not loaded it since it was written", "文件内容为 {now}，但写入后 nginx 尚未加载"}, true
	case "traffic_stage":
		return Words{"{pool} gets {share} % of the traffic[, for {long}]", "{pool} 获得 {share}% 的流量[，保持 {long}]"}, true
	case "traffic_stage_file":
		return Words{"the file is written for the version to put back, tested and loaded", "按要恢复的版本写入文件，测试后加载"}, true
	case "traffic_plan_rewrites":
		return Words{"{file} is written anew: comments and the order of its lines are lost", "{file} 会被重写：注释和行的顺序会丢失"}, true
	case "traffic_plan_haproxy_idle":
		return Words{
			"servers without a share get state {idle}; what HAProxy was told so is lost when it is restarted, and its file holds again",
			"没有份额的服务器设为 {idle}；这些运行时设置在 HAProxy 重启后失效，届时以其配置文件为准",
		}, true
	case "traffic_no_pool":
		return Words{"no server is in pool {pool}; there are {pools}", "没有服务器属于池 {pool}；现有的池：{pools}"}, true
	case "traffic_pool_down":
		return Words{"no server of pool {pool} accepts a connection: {error}", "池 {pool} 中没有服务器接受连接：{error}"}, true
	case "traffic_too_long":
		return Words{
			"the steps hold their shares for {long} together, and the step's timeout leaves {left}; raise timeout",
			"各步骤共需保持 {long}，而该步骤的超时只剩 {left}；请调大 timeout",
		}, true
	case "traffic_changed":
		return Words{"somebody else changed it meanwhile: it was {was}, and is {now}", "期间被他人更改：原为 {was}，现为 {now}"}, true
	case "traffic_interrupted":
		return Words{"it was interrupted: {error} ({last})", "执行被中断：{error}（{last}）"}, true
	case "traffic_undone":
		return Words{"{error}; what was before has been put back", "{error}；已恢复原状"}, true
	case "traffic_not_undone":
		return Words{"{error}; putting back what was before failed, too: {undo}", "{error}；恢复原状也失败了：{undo}"}, true
	default:
		return trafficNGINXWords(code)
	}
}

// trafficNGINXWords are the codes of traffic behind nginx.
func trafficNGINXWords(code string) (Words, bool) {
	switch code {
	case "traffic_file":
		return Words{"file {file}: {error}", "文件 {file}：{error}"}, true
	case "traffic_file_write":
		return Words{"write {file}: {error}; the guardian's user needs to write to its folder", "写入 {file} 失败：{error}；Guardian 的用户需要对其所在目录有写权限"}, true
	case "traffic_file_mounted":
		return Words{
			"{file} is mounted into this container as a single file, which cannot be replaced at once; mount its folder",
			"{file} 是单独挂载到容器中的文件，无法原子替换；请改为挂载其所在目录",
		}, true
	case "traffic_file_other":
		return Words{
			"{file} is not what is configured, and is not overwritten: {error}; make the file and the step the same",
			"{file} 与配置不符，不予覆盖：{error}；请使文件与步骤配置一致",
		}, true
	case "traffic_file_unknown":
		return Words{
			"{file} is neither what the template gives for {to}[ nor for {from}]: somebody else changed it, and it is not overwritten",
			"{file} 的内容与模板为 {to}[ 或 {from}] 生成的内容不符：已被他人更改，不予覆盖",
		}, true
	case "traffic_file_changed":
		return Words{"somebody else changed {file} meanwhile: it is not overwritten", "{file} 期间被他人更改，不予覆盖"}, true
	case "traffic_command_failed":
		return Words{"{command} ended with exit status {status}[: {output}]", "{command} 以退出码 {status} 结束[：{output}]"}, true
	case "traffic_command_stopped":
		return Words{"{command} was stopped: {error}", "{command} 被终止：{error}"}, true
	case "traffic_command_start":
		return Words{"start {command}: {error}", "无法启动 {command}：{error}"}, true
	case "traffic_nginx_no_master":
		return Words{"file {file} with the process ID: {error}", "进程号文件 {file}：{error}"}, true
	case "traffic_nginx_signal":
		return Words{
			"send SIGHUP to nginx (process {pid}): {error}; name a command under reload that may, such as [sudo, nginx, -s, reload]",
			"向 nginx（进程 {pid}）发送 SIGHUP 失败：{error}；请在 reload 下填写有权限的命令，例如 [sudo, nginx, -s, reload]",
		}, true
	case "traffic_nginx_workers":
		return Words{"look at the workers of nginx: {error}", "查看 nginx 的 worker 进程失败：{error}"}, true
	case "traffic_nginx_old_workers":
		return Words{
			"nginx did not begin to serve with new workers within {long}[; {workers} old ones go on]: its error log says why",
			"nginx 在 {long} 内没有启用新的 worker[，{workers} 个旧 worker 仍在服务]；原因见其错误日志",
		}, true
	default:
		return trafficHAProxyWords(code)
	}
}

// trafficHAProxyWords are the codes of traffic behind HAProxy.
func trafficHAProxyWords(code string) (Words, bool) {
	switch code {
	case "traffic_haproxy_call":
		return Words{"HAProxy's runtime API at {address}: {error}", "HAProxy 运行时 API（{address}）：{error}"}, true
	case "traffic_haproxy_answer":
		return Words{"HAProxy answered to \"{command}\": {answer}", "HAProxy 对“{command}”返回：{answer}"}, true
	case "traffic_haproxy_no_server":
		return Words{"backend {backend} has no server {servers}", "backend {backend} 中没有服务器 {servers}"}, true
	case "traffic_haproxy_others":
		return Words{
			"backend {backend} has servers with traffic that are not under servers: {servers}; list all",
			"backend {backend} 中还有未列在 servers 下却有流量的服务器：{servers}；请全部列出",
		}, true
	case "traffic_haproxy_pool_down":
		return Words{"the health checks say that no server of pool {pool} in backend {backend} is up", "健康检查显示 backend {backend} 的池 {pool} 中没有可用的服务器"}, true
	case "traffic_haproxy_read_back":
		return Words{"HAProxy did not take what was set: {want} was set, and it has {now}", "HAProxy 未采用所设的值：设为 {want}，实际为 {now}"}, true
	default:
		return Words{}, false
	}
}
