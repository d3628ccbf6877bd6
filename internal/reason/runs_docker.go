package reason

// dockerWords are the codes of steps of kind docker.
func dockerWords(code string) (Words, bool) {
	switch code {
	case "docker_half_done":
		return Words{"the replacement of container {container} was begun by this step before, and is not complete", "该步骤此前已开始替换容器 {container}，但尚未完成"}, true
	case "docker_lease_lost":
		return Words{"{error}; the guardian that has the lease now finishes or undoes it", "{error}；将由当前持有租约的 Guardian 完成或撤销"}, true
	case "docker_undone":
		return Words{"{error}; what ran before has been put back", "{error}；已恢复为之前运行的容器"}, true
	case "docker_not_undone":
		return Words{"{error}; putting back what ran before failed, too: {undo}", "{error}；恢复之前运行的容器也失败了：{undo}"}, true
	case "docker_interrupted":
		return Words{"it was interrupted", "执行被中断"}, true
	case "docker_no_trace":
		return Words{"no container was replaced by this step", "没有容器被该步骤替换"}, true
	case "docker_replaced":
		return Words{"replaced by this step: {containers}", "已由该步骤替换：{containers}"}, true
	case "docker_no_container":
		return Words{"there is no container {container}", "容器 {container} 不存在"}, true
	case "docker_no_compose":
		return Words{"there is no container of compose project {project}, service {service}", "compose 项目 {project} 的服务 {service} 没有容器"}, true
	case "compose_no_project":
		return Words{"compose project {project} has no container on this engine; docker compose ls shows the projects", "该 Docker 上没有 compose 项目 {project} 的容器；可用 docker compose ls 查看项目"}, true
	case "compose_not_recorded":
		return Words{
			"it was not recorded which images project {project} ran with[ version {version}]: a version is recorded when the watch of its deploy has ended; give the images a template (images), or start the images yourself",
			"没有记录项目 {project} [版本 {version} ]运行过的镜像：部署观察结束后才会记录该版本；请在 images 中填写镜像模板，或手动启动镜像",
		}, true
	case "compose_record_unread":
		return Words{"read which images project {project} ran: {error}", "读取项目 {project} 运行过的镜像失败：{error}"}, true
	case "compose_image_gone":
		return Words{
			"service {service} of project {project} ran {image}, which the engine no longer has and no registry was known for; load the image on the engine's machine",
			"项目 {project} 的服务 {service} 当时运行 {image}，该镜像已不在 Docker 主机上，也没有已知的镜像仓库；请在 Docker 主机上导入该镜像",
		}, true
	case "compose_plan_stays":
		return Words{"{services}: not there when {version} was recorded, stays as it is", "{services}：记录 {version} 时不存在，保持不变"}, true
	case "docker_auto_remove":
		return Words{
			"container {container} was started with --rm: it would be gone once stopped, and could not be put back",
			"容器 {container} 以 --rm 启动：停止后即被删除，无法恢复",
		}, true
	case "docker_swarm":
		return Words{
			"container {container} belongs to a swarm service, which would replace it again; roll the service back with an exec step: docker service update --rollback",
			"容器 {container} 属于 swarm 服务，会被该服务再次替换；请用 exec 步骤回滚该服务：docker service update --rollback",
		}, true
	case "docker_image":
		return Words{"image {image}: {error}", "镜像 {image}：{error}"}, true
	case "docker_image_missing":
		return Words{
			"image {image} is not there, and pull is never; build or load it on the engine's machine",
			"镜像 {image} 不存在，而 pull 设为 never；请在 Docker 主机上构建或导入该镜像",
		}, true
	case "docker_pull":
		return Words{"pull image {image}: {error}", "拉取镜像 {image} 失败：{error}"}, true
	case "docker_find":
		return Words{"find the containers of compose service {service}: {error}", "查找 compose 服务 {service} 的容器失败：{error}"}, true
	case "docker_list":
		return Words{"list the containers: {error}", "列出容器失败：{error}"}, true
	case "docker_changes":
		return Words{"read which files were changed in container {container}: {error}", "读取容器 {container} 中改动过的文件失败：{error}"}, true
	case "docker_inspect":
		return Words{"look at container {container}: {error}", "查看容器 {container} 失败：{error}"}, true
	case "docker_create":
		return Words{"create container {container}: {error}", "创建容器 {container} 失败：{error}"}, true
	case "docker_join":
		return Words{"join network {network}: {error}", "加入网络 {network} 失败：{error}"}, true
	case "docker_leave":
		return Words{"leave network {network}: {error}", "退出网络 {network} 失败：{error}"}, true
	case "docker_copy":
		return Words{"copy {files} from container {container}: {error}", "从容器 {container} 复制 {files} 失败：{error}"}, true
	case "docker_stop":
		return Words{"stop container {container}: {error}", "停止容器 {container} 失败：{error}"}, true
	case "docker_rename":
		return Words{"rename container {container} to {name}: {error}", "将容器 {container} 重命名为 {name} 失败：{error}"}, true
	case "docker_start":
		return Words{"start container {container}: {error}", "启动容器 {container} 失败：{error}"}, true
	case "docker_pause":
		return Words{"pause container {container}: {error}", "暂停容器 {container} 失败：{error}"}, true
	case "docker_remove":
		return Words{"remove container {container}: {error}", "删除容器 {container} 失败：{error}"}, true
	case "docker_container":
		return Words{"container {container}: {error}", "容器 {container}：{error}"}, true
	case "docker_old_gone":
		return Words{"the old container is gone, the new one stays", "旧容器已不存在，保留新容器"}, true
	case "docker_unhealthy":
		return Words{"container {container}: {error}", "容器 {container}：{error}"}, true
	case "docker_restarts":
		return Words{"it does not stay up: exit status {status}", "反复重启：退出码 {status}"}, true
	case "docker_exited":
		return Words{"it is {state}: exit status {status}", "状态为 {state}：退出码 {status}"}, true
	case "docker_health_check":
		return Words{"its health check fails[: {output}]", "健康检查失败[：{output}]"}, true
	case "docker_health_timeout":
		return Words{"it was not healthy within {within}[: {output}]", "在 {within}内未变为健康[：{output}]"}, true
	default:
		if w, ok := dockerPlanWords(code); ok {
			return w, true
		}
		return dockerEngineWords(code)
	}
}

// dockerPlanWords are the codes of what a step of kind docker would do, and of why it refuses.
func dockerPlanWords(code string) (Words, bool) {
	switch code {
	case "docker_plan_target":
		return Words{"container {container} is re-created: {from} becomes {to}", "重建容器 {container}：镜像由 {from} 换为 {to}"}, true
	case "docker_plan_sidecar":
		return Words{"container {container} is re-created with it, because it {uses}", "一并重建容器 {container}，因为它{uses}"}, true
	case "docker_plan_stopped":
		return Words{"container {container} is stopped and stays so", "容器 {container} 处于停止状态，重建后保持停止"}, true
	case "docker_plan_paused":
		return Words{"container {container} is paused and will be again: its processes begin anew", "容器 {container} 处于暂停状态，重建后再次暂停：其进程会重新启动"}, true
	case "docker_plan_keeps":
		return Words{"files that were put into container {container} are kept: {files}", "保留放入容器 {container} 的文件：{files}"}, true
	case "docker_plan_loses":
		return Words{"files that were written in container {container} are lost: {files}", "容器 {container} 中写入的文件会丢失：{files}"}, true
	case "docker_uses_network":
		return Words{"uses the network of {container}", "使用 {container} 的网络"}, true
	case "docker_uses_pid":
		return Words{"uses the PID namespace of {container}", "使用 {container} 的 PID 命名空间"}, true
	case "docker_uses_ipc":
		return Words{"uses the IPC namespace of {container}", "使用 {container} 的 IPC 命名空间"}, true
	case "docker_uses_link":
		return Words{"is linked to {container}", "链接到 {container}"}, true
	case "docker_uses_volumes_from":
		return Words{"takes the volumes of {container} by its ID", "按 ID 挂载 {container} 的卷"}, true
	case "docker_would_lose":
		return Words{
			"Nothing was changed: put such files into a volume or the image, or name what may be lost in accept_loss of the step",
			"未做任何改动：请将这类文件放入卷或镜像，或在该步骤的 accept_loss 中列出允许丢失的内容",
		}, true
	case "docker_loses":
		return Words{"container {container} would lose {files}", "容器 {container} 会丢失 {files}"}, true
	case "docker_loses_sidecar":
		return Words{"container {container}, which {uses}, was started with --rm and would be gone", "容器 {container}（{uses}）以 --rm 启动，会被删除"}, true
	case "docker_orphan":
		return Words{
			"container {container} runs and {uses}, and {other} does not run: once stopped it could not be started again; start {other}, or stop {container}, first",
			"容器 {container} 正在运行且{uses}，而 {other} 未运行：停止后将无法再启动；请先启动 {other} 或停止 {container}",
		}, true
	case "docker_stops_never":
		return Words{
			"container {container} may take for ever to stop (its stop timeout is negative); set stop_timeout of the step",
			"容器 {container} 的停止超时为负，可能永远不会停止；请设置该步骤的 stop_timeout",
		}, true
	case "docker_stops_long":
		return Words{
			"nothing was changed, because container {container} with its sidecars may take {long} to stop and the step has {left} left; raise timeout of the step, or set stop_timeout",
			"未做任何改动，因为容器 {container} 及其边车可能需要 {long}才能停止，而该步骤只剩 {left}；请调大该步骤的 timeout，或设置 stop_timeout",
		}, true
	default:
		return Words{}, false
	}
}

// dockerEngineWords are the codes of talking to the Docker Engine.
func dockerEngineWords(code string) (Words, bool) {
	switch code {
	case "docker_says":
		return Words{"docker says: {message}[ ({status})]", "Docker 报错：{message}[（{status}）]"}, true
	case "docker_unreachable":
		return Words{"reach the docker engine: {error}", "无法连接 Docker：{error}"}, true
	case "docker_version":
		return Words{"ask the docker engine at {host} for its version: {error}", "查询 {host} 的 Docker 版本失败：{error}"}, true
	case "docker_too_new":
		return Words{
			"the docker engine at {host} speaks API {oldest} and newer, this guardian at most {newest}; update the guardian",
			"{host} 的 Docker 只支持 {oldest} 及以上的 API，而 Guardian 最高支持 {newest}；请升级 Guardian",
		}, true
	case "docker_tls_file":
		return Words{"tls: read {file}: {error}", "读取 TLS 文件 {file} 失败：{error}"}, true
	case "docker_tls_no_certificate":
		return Words{"tls: {file} holds no certificate in PEM", "TLS 文件 {file} 中没有 PEM 格式的证书"}, true
	case "docker_bad_answer":
		return Words{"read docker's answer: {error}", "读取 Docker 的返回失败：{error}"}, true
	case "docker_bad_request":
		return Words{"write docker's request: {error}", "构造 Docker 请求失败：{error}"}, true
	default:
		return Words{}, false
	}
}
