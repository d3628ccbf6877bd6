package reason

// kubernetesWords are the codes of steps of kind kubernetes.
func kubernetesWords(code string) (Words, bool) {
	switch code {
	case "kubernetes_gave_up":
		return Words{"{object} was changed, and the cluster gave up: {state}", "{object} 已修改，但集群未能完成更新：{state}"}, true
	case "kubernetes_not_complete":
		return Words{"{object} was changed, and is not complete after {within}[: {state}]", "{object} 已修改，但 {within}后仍未完成[：{state}]"}, true
	case "kubernetes_time_over":
		return Words{"the time of the step was over while {object} was waited for[: {state}]", "等待 {object} 时步骤超时[：{state}]"}, true
	case "kubernetes_conflict":
		return Words{
			"nothing was changed: somebody changed {object} at the same moment[ (written last by {by})]; look at it and try again",
			"未做任何改动：{object} 同时被他人修改[（最后写入者：{by}）]；请确认后重试",
		}, true
	case "kubernetes_changed_since":
		return Words{"this step changed {object}, and somebody changed it again since[ (written last by {by})]", "该步骤已修改 {object}，但之后又被他人修改[（最后写入者：{by}）]"}, true
	case "kubernetes_no_trace":
		return Words{"{object} was not changed by this step", "{object} 未被该步骤修改"}, true
	case "kubernetes_complete":
		return Words{"{object} was changed by this step and is complete[: {state}]", "{object} 已由该步骤修改并更新完成[：{state}]"}, true
	case "kubernetes_unseen":
		return Words{"its controller has not begun yet", "控制器尚未开始处理"}, true
	case "kubernetes_pods":
		return Words{"of {want:pod|pods} {updated} updated, {available} available[, {old} old]", "共 {want} 个 Pod：已更新 {updated} 个，可用 {available} 个[，旧版 {old} 个]"}, true
	case "kubernetes_progress_deadline":
		return Words{"no progress within progressDeadlineSeconds", "在 progressDeadlineSeconds 内没有进展"}, true
	case "kubernetes_rollout_phase":
		return Words{"Argo Rollouts says {phase}[: {message}]", "Argo Rollouts 状态为 {phase}[：{message}]"}, true
	case "kubernetes_endpoints":
		return Words{"{ready:endpoint|endpoints} of the selected pods ready[, {others} of other pods]", "所选 Pod 就绪的端点 {ready} 个[，其他 Pod 的端点 {others} 个]"}, true
	case "kubernetes_pod":
		return Words{"pod {pod} is not ready: {state}", "Pod {pod} 未就绪：{state}"}, true
	case "kubernetes_container":
		return Words{"container {container}: {reason}[: {message}]", "容器 {container}：{reason}[：{message}]"}, true
	case "kubernetes_unschedulable":
		return Words{"it is on no node[: {message}]", "未调度到任何节点[：{message}]"}, true
	case "kubernetes_pod_phase":
		return Words{"phase {phase}", "阶段为 {phase}"}, true
	default:
		if w, ok := kubernetesPlanWords(code); ok {
			return w, true
		}
		if w, ok := kubernetesRefusalWords(code); ok {
			return w, true
		}
		return kubernetesAPIWords(code)
	}
}

// kubernetesPlanWords are the codes of what a step of kind kubernetes would do, and of what would
// undo it.
func kubernetesPlanWords(code string) (Words, bool) {
	switch code {
	case "kubernetes_plan_undo":
		return Words{"{object} goes from revision {from} back to revision {to}; its {pods:pod|pods} are replaced", "{object} 从修订版本 {from} 回到修订版本 {to}，其 {pods} 个 Pod 会被替换"}, true
	case "kubernetes_plan_switch":
		return Words{"{object} selects {to} instead of {from}: {ready} ready pods in place of {had}", "{object} 的选择器由 {from} 改为 {to}：就绪 Pod 由 {had} 个变为 {ready} 个"}, true
	case "kubernetes_plan_scale":
		return Words{"{object} is scaled from {from} to {to:pod|pods}", "{object} 的副本数由 {from} 改为 {to}"}, true
	case "kubernetes_gitops":
		return Words{
			"it is kept by {tool}, which undoes the change at its next sync unless the version is put back in Git, too: use a step of kind git, or pause the sync",
			"该对象由 {tool} 管理，除非同时在 Git 中恢复版本，否则下次同步会撤销此改动：请改用 git 步骤，或暂停同步",
		}, true
	case "kubernetes_helm":
		return Words{
			"it belongs to the Helm release {release}, whose record keeps the version that is taken back: use a step of kind helm, or bring the release in order before its next upgrade",
			"该对象属于 Helm release {release}，其记录仍是被撤下的版本：请改用 helm 步骤，或在下次升级前修正该 release",
		}, true
	case "kubernetes_stuck":
		return Words{
			"pod {pod} is not ready, and a StatefulSet replaces no pod before it is: delete the pod once the step has begun, if it stays so",
			"Pod {pod} 未就绪，而 StatefulSet 在它就绪前不会替换任何 Pod：若一直如此，请在步骤开始后删除该 Pod",
		}, true
	case "kubernetes_autoscaler_off":
		return Words{"HorizontalPodAutoscaler {autoscaler} does nothing while there are no pods", "副本数为 0 时，HorizontalPodAutoscaler {autoscaler} 不会生效"}, true
	default:
		return Words{}, false
	}
}

// kubernetesRefusalWords are the codes of why a step of kind kubernetes changes nothing.
func kubernetesRefusalWords(code string) (Words, bool) {
	switch code {
	case "kubernetes_no_revision":
		return Words{
			"{object} has no revision {wanted}[; there are {revisions}]; raise its revisionHistoryLimit, or choose by container or annotation",
			"{object} 没有 {wanted} 对应的修订版本[；现有 {revisions}]；请调大 revisionHistoryLimit，或用 container、annotation 指定如何识别版本",
		}, true
	case "kubernetes_runs_already":
		return Words{
			"{object} has revision {revision} already; nothing was changed. There are {revisions}; if another one is meant, choose by container, annotation or revision",
			"{object} 当前已是修订版本 {revision}，未做任何改动。现有 {revisions}；若指的是其他版本，请用 container、annotation 或 revision 指定",
		}, true
	case "kubernetes_other_version":
		return Words{
			"{object} runs {runs}, and not {version} that is to be taken back: somebody changed it since[ (written last by {by})]. Nothing was changed",
			"{object} 当前运行 {runs}，而不是要撤下的 {version}：期间被他人修改[（最后写入者：{by}）]。未做任何改动",
		}, true
	case "kubernetes_unhealthy":
		return Words{
			"nothing was changed, because revision {revision} is not healthy: none of its pods is ready; pod {pod}: {state}",
			"未做任何改动，因为修订版本 {revision} 不健康：没有一个 Pod 就绪；Pod {pod}：{state}",
		}, true
	case "kubernetes_paused":
		return Words{"{object} is paused, so that a change would not be rolled out; resume it first", "{object} 处于暂停状态，改动不会生效；请先恢复（resume）"}, true
	case "kubernetes_on_delete":
		return Words{
			"{object} has the update strategy OnDelete, so that pods keep their version until they are deleted; set RollingUpdate",
			"{object} 的更新策略为 OnDelete，Pod 被删除前会一直保持原版本；请改为 RollingUpdate",
		}, true
	case "kubernetes_partition":
		return Words{
			"{object} has the partition {partition}, so that pods below it would keep their version; set partition to 0 first",
			"{object} 的 partition 为 {partition}，序号更小的 Pod 会保持原版本；请先将 partition 设为 0",
		}, true
	case "kubernetes_workload_ref":
		return Words{"{object} takes its pods from {kind} {name} (workloadRef); name that as the workload", "{object} 的 Pod 模板来自 {kind} {name}（workloadRef）；请将 workload 改为它"}, true
	case "kubernetes_no_selector":
		return Words{"{object} selects no pods, so that it cannot be switched", "{object} 没有 Pod 选择器，无法切换"}, true
	case "kubernetes_selects_already":
		return Words{"{object} selects {selector} already; nothing was changed", "{object} 的选择器已是 {selector}，未做任何改动"}, true
	case "kubernetes_no_ready":
		return Words{
			"nothing was changed, because {ready} of the pods with {selector} are ready and {needed} must be: the traffic of {object} would go nowhere",
			"未做任何改动，因为标签为 {selector} 的 Pod 只有 {ready} 个就绪，至少需要 {needed} 个：否则 {object} 的流量将无处可去",
		}, true
	case "kubernetes_autoscaled":
		return Words{
			"{object} is scaled by HorizontalPodAutoscaler {autoscaler} (from {min} to {max}), which would set another number at once; change its minReplicas or maxReplicas",
			"{object} 由 HorizontalPodAutoscaler {autoscaler}（{min} 到 {max}）伸缩，改动会立即被覆盖；请调整其 minReplicas 或 maxReplicas",
		}, true
	case "kubernetes_name":
		return Words{"{what} {name}: this is no name of Kubernetes, which has small letters, digits, - and .", "{what} {name}：不是合法的 Kubernetes 名称（只能包含小写字母、数字、- 和 .）"}, true
	default:
		return Words{}, false
	}
}

// kubernetesAPIWords are the codes of talking to an API server.
func kubernetesAPIWords(code string) (Words, bool) {
	switch code {
	case "kubernetes_config":
		return Words{"read how the cluster is reached (kubeconfig): {error}", "读取集群连接配置（kubeconfig）失败：{error}"}, true
	case "kubernetes_no_pod":
		return Words{
			"no kubeconfig is set, and the service account of the guardian's own pod cannot be read: {error}",
			"未配置 kubeconfig，且无法读取 Guardian 自身 Pod 的 ServiceAccount：{error}",
		}, true
	case "kubernetes_exec":
		return Words{
			"the kubeconfig takes its credentials from a program (exec), which runs only with allow_exec: true; better use a token of a service account",
			"kubeconfig 通过外部程序（exec）获取凭证，需设置 allow_exec: true 才会运行；建议改用 ServiceAccount 的 token",
		}, true
	case "kubernetes_unreachable":
		return Words{"reach the API server: {error}", "无法连接 API Server：{error}"}, true
	case "kubernetes_unauthorized":
		return Words{"the API server does not accept the credentials[: {message}]; has the token expired?", "API Server 拒绝该凭证[：{message}]；token 是否已过期？"}, true
	case "kubernetes_forbidden":
		return Words{
			"the guardian's account may not {verb} {resource} in namespace {namespace}; allow it in its Role (docs/runbooks/kubernetes-rbac.yaml). The API server says: {message}",
			"Guardian 的账号无权在命名空间 {namespace} 中对 {resource} 执行 {verb}；请在其 Role 中授权（见 docs/runbooks/kubernetes-rbac.yaml）。API Server 返回：{message}",
		}, true
	case "kubernetes_no_resource":
		return Words{"the cluster has no {resource} ({version}): is what brings them installed?", "集群中没有 {resource}（{version}）：对应的组件是否已安装？"}, true
	case "kubernetes_not_found":
		return Words{"there is no {object} in namespace {namespace}", "命名空间 {namespace} 中没有 {object}"}, true
	case "kubernetes_refused":
		return Words{"the API server refuses to {verb} {object}: {message}", "API Server 拒绝对 {object} 执行 {verb}：{message}"}, true
	default:
		return Words{}, false
	}
}
