package reason

// helmWords are the codes of steps of kind helm.
func helmWords(code string) (Words, bool) {
	switch code {
	case "helm_plan":
		return Words{
			"release {release} goes from revision {from} back to revision {to}, which becomes revision {new}",
			"release {release} 从修订版本 {from} 回到修订版本 {to}，成为新的修订版本 {new}",
		}, true
	case "helm_values":
		return Words{"these values are as they were then, too: {keys}", "以下 values 也会恢复为当时的设置：{keys}"}, true
	case "helm_again":
		return Words{
			"release {release} was left in pending-rollback (revision {revision}) at {since} by a helm that was killed; it is rolled back once more",
			"release {release} 在 {since} 因 helm 被终止而停留在 pending-rollback（修订版本 {revision}），将再次回滚",
		}, true
	case "helm_done":
		return Words{"release {release} was rolled back by this step: revision {revision} is deployed", "release {release} 已由该步骤回滚：修订版本 {revision} 已部署"}, true
	case "helm_no_trace":
		return Words{"release {release} was not rolled back by this step: it has revision {revision}", "release {release} 未被该步骤回滚，当前修订版本 {revision}"}, true
	case "helm_begins":
		return Words{"a helm that was started a moment ago may be about to roll release {release} back", "刚启动的 helm 可能即将回滚 release {release}"}, true
	case "helm_works":
		return Words{
			"helm rolls release {release} back (revision {revision}, pending-rollback since {since}), or was killed at it: until {until} it is left alone, then it may be rolled back once more",
			"helm 正在回滚 release {release}（修订版本 {revision}，自 {since} 起为 pending-rollback），也可能已被终止：{until} 之前不做干预，之后可再次回滚",
		}, true
	case "helm_left":
		return Words{
			"release {release} was left in {status} (revision {revision}, since {since}): helm was killed, or a hook failed[: {said}]. See which pods run (helm history {release}, kubectl get pods); when no helm works on it any more, roll it back once more, by this step or by helm rollback",
			"release {release} 停留在 {status}（修订版本 {revision}，自 {since} 起）：helm 被终止，或 hook 执行失败[：{said}]。请先查看实际运行的 Pod（helm history {release}、kubectl get pods）；确认没有 helm 在操作后，用该步骤或 helm rollback 再回滚一次",
		}, true
	case "helm_changed_since":
		return Words{
			"this step rolled release {release} back (revision {revision}), and somebody changed it since: it has revision {now}",
			"该步骤已回滚 release {release}（修订版本 {revision}），但之后又被他人修改：当前修订版本 {now}",
		}, true
	case "helm_failed":
		return Words{"release {release} was rolled back (revision {revision}), and helm gave up: {said}", "release {release} 已回滚（修订版本 {revision}），但 helm 未能等到完成：{said}"}, true
	case "helm_not_begun":
		return Words{"nothing was changed in release {release}: {said}", "release {release} 未做任何改动：{said}"}, true
	case "helm_not_known":
		return Words{"release {release} may have been rolled back in part: {said}; its history cannot be read: {error}", "release {release} 可能只回滚了一部分：{said}；无法读取其历史：{error}"}, true
	default:
		return helmRefusalWords(code)
	}
}

// helmRefusalWords are the codes of why a step of kind helm changes nothing.
func helmRefusalWords(code string) (Words, bool) {
	switch code {
	case "helm_missing":
		return Words{
			"helm cannot be run: {error}. Install Helm 3 or 4 where the guardian runs, or set program to its path; the guardian's image has none",
			"无法运行 helm：{error}。请在 guardian 所在机器上安装 Helm 3 或 4，或用 program 指定路径；guardian 镜像中没有 helm",
		}, true
	case "helm_said":
		return Words{"helm {command} ended with exit status {status}[: {said}]", "helm {command} 以退出码 {status} 结束[：{said}]"}, true
	case "helm_forbidden":
		return Words{
			"helm {command} lacks a right: {said}. docs/runbooks/helm-rbac.yaml has those that are needed",
			"helm {command} 缺少权限：{said}。所需权限见 docs/runbooks/helm-rbac.yaml",
		}, true
	case "helm_answer":
		return Words{"what helm {command} wrote cannot be read: {error}", "无法解析 helm {command} 的输出：{error}"}, true
	case "helm_no_release":
		return Words{
			"there is no release {release} in this namespace; see helm list --all-namespaces, and set release and namespace (and HELM_DRIVER in env, if you use one)",
			"该命名空间中没有 release {release}；请用 helm list --all-namespaces 查看，并设置 release 和 namespace（若使用 HELM_DRIVER，请在 env 中设置）",
		}, true
	case "helm_no_version":
		return Words{"there is no version to roll release {release} back to", "没有可供 release {release} 回滚的目标版本"}, true
	case "helm_pending":
		return Words{
			"nothing was changed: release {release} is {status} since {since} (revision {revision}), so that somebody else works on it, such as a deploy job. Wait for it, or stop it; when nothing works on it any more, roll it back by hand: helm rollback {release} REVISION",
			"未做任何改动：release {release} 自 {since} 起为 {status}（修订版本 {revision}），可能有其他任务（如部署作业）正在操作。请等待或停止该任务；确认没有任务后手动回滚：helm rollback {release} REVISION",
		}, true
	case "helm_status":
		return Words{"nothing was changed: release {release} is {status}; look at it with helm history {release}", "未做任何改动：release {release} 的状态为 {status}；请用 helm history {release} 查看"}, true
	case "helm_runs_already":
		return Words{
			"release {release} carries {version} already: revision {revision}; nothing was changed. There are {revisions}; if these do not name your versions, choose another version_in",
			"release {release} 当前已是 {version}：修订版本 {revision}，未做任何改动。现有 {revisions}；若其中看不出版本，请更换 version_in",
		}, true
	case "helm_other_version":
		return Words{
			"release {release} has revision {revision}, which is not {version} that is to be taken back: somebody changed it since, or version_in does not say where versions are named. Nothing was changed",
			"release {release} 当前修订版本 {revision} 不是要撤下的 {version}：期间被他人修改，或 version_in 未指明版本所在。未做任何改动",
		}, true
	case "helm_no_revision":
		return Words{
			"release {release} has no revision of {version}; there are {revisions}. Nothing was changed; if these do not name your versions, choose another version_in",
			"release {release} 没有 {version} 对应的修订版本；现有 {revisions}。未做任何改动；若其中看不出版本，请更换 version_in",
		}, true
	case "helm_bad_revision":
		return Words{
			"release {release} has {version} only in revisions that were never well: {bad}; there are {revisions}. Nothing was changed",
			"release {release} 中 {version} 只存在于从未部署成功的修订版本：{bad}；现有 {revisions}。未做任何改动",
		}, true
	case "helm_history_cut":
		return Words{
			"revisions before {oldest} were removed; let helm upgrade keep more of them (--history-max)",
			"{oldest} 之前的修订版本已被清理；请在 helm upgrade 时用 --history-max 多保留一些",
		}, true
	default:
		return Words{}, false
	}
}
