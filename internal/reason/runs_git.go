package reason

// gitWords are the codes of steps of kind git.
func gitWords(code string) (Words, bool) {
	switch code {
	case "git_read":
		return Words{"read the repository on {host}: {error}", "读取 {host} 上的仓库失败：{error}"}, true
	case "git_ca":
		return Words{"read ca_file {file}: {error}", "读取 ca_file {file} 失败：{error}"}, true
	case "git_login":
		return Words{
			"the server answered {status} to {user}; look at username and token, and whether the token may read and write the repository",
			"服务器对 {user} 返回 {status}；请检查 username 和 token，以及该 token 是否有读写该仓库的权限",
		}, true
	case "git_redirect":
		return Words{
			"the server answered {status} to {to}: redirects are not followed, give the final address",
			"服务器返回 {status}，指向 {to}：不跟随重定向，请填写最终地址",
		}, true
	case "git_no_branch":
		return Words{"there is no branch {branch} on {host}", "{host} 上没有分支 {branch}"}, true
	case "git_too_large":
		return Words{
			"the last {commits} commits on {host} are larger than {limit} MiB; let the server leave out the contents of files (git config uploadpack.allowFilter true), or lower history",
			"{host} 上最近 {commits} 个提交超过 {limit} MiB；请在服务器上允许部分克隆（git config uploadpack.allowFilter true），或调小 history",
		}, true
	case "git_no_revision":
		return Words{
			"{revision} is no tag on {host}, and no commit among the last {commits} of the branch",
			"{revision} 不是 {host} 上的标签，也不在该分支最近 {commits} 个提交之中",
		}, true
	case "git_ambiguous":
		return Words{"several commits begin with {revision}; name more of it", "有多个提交以 {revision} 开头，请写得更长"}, true
	case "git_not_found":
		return Words{
			"the last {commits} commits of {branch} do not tell when {file} got the line {text}",
			"在 {branch} 最近 {commits} 个提交中，无法确定 {file} 何时写入 {text}",
		}, true
	case "git_file":
		return Words{"read {file} of {commit}: {error}", "读取 {commit} 中的 {file} 失败：{error}"}, true
	case "git_no_path":
		return Words{
			"{path} is not in {commit}, so that there is nothing to put back",
			"{commit} 中没有 {path}，没有可恢复的内容",
		}, true
	case "git_no_bad":
		return Words{
			"the commit of the bad version is not known, so that it cannot be told what others changed since: {error}",
			"找不到问题版本对应的提交，无法判断此后是否有他人改动：{error}",
		}, true
	case "git_conflict":
		return Words{
			"{path} on {branch} was changed since {bad}, and that would be lost; put it back by hand. Changed by: {commits}",
			"{branch} 上的 {path} 在 {bad} 之后又有改动，恢复会丢失这些改动，请人工处理。相关提交：{commits}",
		}, true
	case "git_plan":
		return Words{
			"{path} on {branch}, now at {head}, as in {commit}: {count} files change: {files}",
			"将 {branch}（当前为 {head}）上的 {path} 恢复到 {commit}，{count} 个文件有变化：{files}",
		}, true
	case "git_already":
		return Words{
			"nothing to change: {path} on {branch}, at {head}, is already as in {commit}",
			"无需改动：{branch}（当前为 {head}）上的 {path} 已与 {commit} 一致",
		}, true
	case "git_pushed":
		return Words{"{branch} is now at {commit}", "{branch} 现在位于 {commit}"}, true
	case "git_happened":
		return Words{"this step pushed {commit} to {branch}", "该步骤已向 {branch} 推送 {commit}"}, true
	case "git_not_happened":
		return Words{"{branch} has no commit of this step", "{branch} 上没有该步骤的提交"}, true
	case "git_history_short":
		return Words{
			"the last {commits} commits of {branch} are all newer than the step; raise history, or look for its commit by hand",
			"{branch} 最近 {commits} 个提交都晚于该步骤；请调大 history，或人工查找该步骤的提交",
		}, true
	case "git_moved":
		return Words{"{branch} moved on {tries} times while the commit was made", "提交期间 {branch} 连续 {tries} 次有新的推送"}, true
	case "git_refused":
		return Words{
			"{host} refuses the push to {branch}: {error}[; it says: {said}]",
			"{host} 拒绝推送到 {branch}：{error}[；服务器提示：{said}]",
		}, true
	case "git_no_report":
		return Words{"{host} does not tell whether it takes a push; nothing was pushed", "{host} 不返回推送结果，因此未推送"}, true
	case "git_push_lost":
		return Words{
			"the commit was sent to {branch} on {host}, and the answer was lost: {error}",
			"提交已发往 {host} 的 {branch}，但未收到答复：{error}",
		}, true
	default:
		return Words{}, false
	}
}
