package reason

// sshWords are the codes of connections by SSH, and of steps of kind ssh.
func sshWords(code string) (Words, bool) {
	switch code {
	case "ssh_known_hosts":
		return Words{"read known_hosts: {error}", "读取 known_hosts 失败：{error}"}, true
	case "ssh_host_unknown":
		return Words{
			"{host} is not in {file}, so that it cannot be told from another machine; it shows the key {key}. Add it by ssh-keyscan -p {port} {name} >> {file}, and compare the fingerprint with the machine's own: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
			"{file} 中没有 {host}，无法确认它的身份；它出示的主机密钥为 {key}。请执行 ssh-keyscan -p {port} {name} >> {file} 添加，并与该机器上 ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub 显示的指纹核对",
		}, true
	case "ssh_host_changed":
		return Words{
			"{host} shows the key {key}, and {file} has another one for it: either it was set up anew, or somebody is in between. Ask whoever runs it, then replace its line",
			"{host} 出示的主机密钥 {key} 与 {file} 中的不一致：可能是机器重装过，也可能有人在中间拦截。请先与机器的管理员核实，再替换该行",
		}, true
	case "ssh_host_algorithm":
		return Words{
			"{host} has no key of the kind that {file} has for it; compare the lines of ssh-keyscan -p {port} {name} with the machine's own keys, and add one",
			"{host} 没有 {file} 中所记类型的主机密钥；请将 ssh-keyscan -p {port} {name} 的输出与该机器自身的密钥核对后添加",
		}, true
	case "ssh_connect":
		return Words{"connect to {host}: {error}", "连接 {host} 失败：{error}"}, true
	case "ssh_auth":
		return Words{
			"{host} does not let {user} in with this key; add its public key to ~{user}/.ssh/authorized_keys there",
			"{host} 拒绝 {user} 用该密钥登录；请把对应的公钥加入该机器的 ~{user}/.ssh/authorized_keys",
		}, true
	case "ssh_agent":
		return Words{"reach the agent at {agent}: {error}", "连接 ssh-agent（{agent}）失败：{error}"}, true
	case "ssh_key":
		return Words{"read key_file {file}: {error}", "读取 key_file {file} 失败：{error}"}, true
	case "ssh_no_passphrase":
		return Words{"key_file {file} is encrypted; set passphrase", "key_file {file} 已加密，请配置 passphrase"}, true
	case "ssh_bad_key":
		return Words{
			"key_file {file} has no private key that can be read: it is damaged, a public key, or the passphrase is wrong",
			"key_file {file} 中没有可用的私钥：文件可能已损坏、是公钥，或 passphrase 不正确",
		}, true
	case "ssh_plan":
		return Words{"would run as {user} on {host}: {command}", "将以 {user} 的身份在 {host} 上执行：{command}"}, true
	case "ssh_exit_status":
		return Words{"{command} on {host} ended with exit status {status}", "{host} 上的 {command} 以退出码 {status} 结束"}, true
	case "ssh_env_refused":
		return Words{
			"{host} does not take the variable {name}: add AcceptEnv {name} to its sshd_config, or use stdin",
			"{host} 不接受环境变量 {name}：请在其 sshd_config 中加入 AcceptEnv {name}，或改用 stdin",
		}, true
	case "ssh_not_started":
		return Words{"{host} did not run {command}: its SSH server refused it", "{host} 未执行 {command}：被其 SSH 服务器拒绝"}, true
	case "ssh_stopped":
		return Words{"{command} on {host} was stopped: {error}", "{host} 上的 {command} 被终止：{error}"}, true
	case "ssh_left":
		return Words{
			"{command} on {host} did not end when it was told to, and may still run: {error}",
			"{host} 上的 {command} 收到终止信号后仍未结束，可能还在运行：{error}",
		}, true
	case "ssh_killed":
		return Words{"{command} on {host} was ended by the signal {signal}", "{host} 上的 {command} 被信号 {signal} 终止"}, true
	case "ssh_lost":
		return Words{
			"the connection to {host} was lost while {command} ran: {error}",
			"{command} 执行期间与 {host} 的连接中断：{error}",
		}, true
	default:
		return Words{}, false
	}
}
