package server

// chinese is every text of the pages in Chinese. texts_en.go has the same keys.
func chinese() map[string]string {
	return map[string]string{
		"lang": "zh-CN", "lang.other": "English", "lang.other.code": "en",
		"just_now": "刚刚", "ago": "%s前", "in": "%s后",
		"unit.d": "%d 天", "unit.h": "%d 小时", "unit.min": "%d 分钟", "unit.s": "%d 秒", "unit.ms": "%d 毫秒", "unit.seconds": "秒",
		"skip": "跳到正文", "stale": "无法连接 Guardian：以下是最后已知的情况。", "menu": "页面",
		"none":      "无。",
		"odds.none": "没有变坏的迹象", "odds.some": "纯属偶然的可能至多 %s 分之一", "odds.most": "纯属偶然的可能不到十亿分之一",

		"nav.overview": "总览", "nav.alerts": "告警", "nav.journal": "日志", "nav.drills": "演练", "nav.sla": "报告",
		"nav.logout":  "退出",
		"role.active": "主用", "role.standby": "备用", "role.starting": "启动中",
		"foot.version": "Guardian %s", "foot.as": "%s（%s）", "foot.zone": "时区 %s",
		"warn.config":  "上次重新加载失败，仍在使用之前的配置：%s",
		"warn.storage": "日志无法写入：%s", "warn.given_up": "最近一天有 %d 条通知未能送达。",
		"warn.queued": "%d 条通知等待送达，最早的一条：%s。", "warn.standby": "本实例处于备用状态，由 %s 执行操作。",
		"warn.starting": "正在启动：%s", "another": "另一个实例",

		"health.up": "正常", "health.down": "故障", "health.unknown": "未知",
		"watch.watching": "观察中", "watch.passed": "通过", "watch.failed": "失败", "watch.inconclusive": "无法判定",
		"watch.superseded": "被新版本取代", "watch.cancelled": "已取消", "watch.unwatched": "未观察",
		"mode.auto": "自动回滚", "mode.approve": "回滚前请人批准", "mode.observe": "只观察",
		"run.awaiting_approval": "等待人工答复", "run.running": "执行中", "run.verifying": "验证恢复中", "run.cured": "已恢复",
		"run.not_cured": "未恢复", "run.worse": "更糟", "run.failed": "失败", "run.rejected": "已拒绝", "run.expired": "已过期",
		"run.refused":  "不予执行",
		"step.pending": "待执行", "step.intent": "进行中", "step.done": "完成", "step.failed": "失败", "step.unknown": "不确定", "step.skipped": "跳过",
		"trigger.verdict": "观察失败", "trigger.alert": "告警", "trigger.person": "人工", "trigger.drill": "演练",
		"alert.pending": "待定", "alert.firing": "触发中", "alert.resolved": "已恢复",
		"tier.critical": "严重", "tier.warning": "警告", "tier.info": "提示",
		"kind.code": "代码", "kind.config": "配置", "kind.operation": "运营",
		"decision.approve": "批准", "decision.reject": "拒绝", "decision.done": "确认已发生", "decision.repeat": "要求重做",
		"decision.abort": "中止",

		"over.title": "总览", "over.all_up": "全部 %d 个服务正常", "over.one_up": "%s 正常", "over.down": "%[2]d 个服务中有 %[1]d 个故障：%[3]s",
		"over.unknown": "%[2]d 个服务中有 %[1]d 个看不到状态：%[3]s", "over.none": "尚未配置服务",
		"over.none.help": "请在 guardian.yaml 中添加服务和检查，然后重新加载。",
		"over.quiet":     "没有触发的告警，没有正在观察的部署，也没有需要答复的事项。",
		"over.asks":      "等待你的答复", "over.firing": "触发中的告警", "over.watching": "正在观察的部署", "over.running": "进行中的处置",
		"over.services": "服务", "over.blind": "%[2]d 个检查中有 %[1]d 个无法探测：%[3]s", "over.checks_seen": "共有 %d 个检查从外部探测。", "over.checks_one": "共有 1 个检查从外部探测。",
		"over.version": "版本", "over.state": "状态", "over.service": "服务", "over.checks": "检查", "over.month": "本月", "over.gate": "闸门",
		"over.budget_left": "错误预算剩余 %s", "over.budget_over": "错误预算超支 %s",
		"count.up": "正常 %d", "count.down": "故障 %d", "count.unknown": "未知 %d", "over.since_ago": "开始",

		"gate.open": "开放", "gate.closed": "关闭", "gate.until": "至 %s",

		"ask.title": "将 %s 从 %s 回滚到 %s？", "ask.title_other": "为 %[2]s 执行 %[1]s？", "ask.doubt": "%[2]s 的步骤“%[1]s”是否已发生？",
		"ask.expires": "答复截止：%s。", "ask.review": "先看详情", "ask.approve": "批准", "ask.reject": "拒绝",
		"ask.done": "已发生", "ask.repeat": "重做一次", "ask.abort": "中止", "ask.note": "备注（可选）",
		"ask.role": "你的令牌不能答复：需要 approver 角色。", "ask.confirm_abort": "中止后一切保持现状。",

		"svc.title": "服务 %s", "svc.checks": "检查", "svc.check": "检查", "svc.last": "最近一次", "svc.took": "耗时", "svc.every": "间隔",
		"svc.never": "尚未探测", "svc.deploys": "部署", "svc.runs": "处置", "svc.no_deploys": "还没有收到部署通知。",
		"svc.no_runs": "这个服务还没有执行过处置。", "svc.known_good": "已知良好版本", "svc.no_known_good": "没有已知良好的版本：无处可回滚。",
		"svc.rollback": "换回旧版本", "svc.rollback_to": "版本", "svc.rollback_reason": "原因", "svc.rollback_do": "回滚", "svc.newest_good": "最新的已知良好版本",
		"svc.mode": "观察失败时", "svc.availability": "本月可用率",
		"svc.looks": "最近三小时", "svc.no_checks": "这个服务没有检查，无法观察。", "svc.report": "本月报告",

		"watch.title": "观察 %s %s", "watch.page": "观察", "watch.was": "之前 %s", "watch.deploy": "部署", "watch.version": "版本", "watch.author": "部署人",
		"watch.ticket": "工单", "watch.link": "链接", "watch.shops": "店铺", "watch.all_shops": "全部", "watch.kind": "类型", "watch.started": "开始",
		"watch.deadline": "截止", "watch.ended": "结束", "watch.mode": "如果失败", "watch.alpha": "误回滚概率", "watch.alpha_n": "至多 %s",
		"watch.by_rule":   "该结论依据告警规则，不在统计保证之内。",
		"watch.guarantee": "该概率以允许的失败率为前提；恰好落在观察期内的外部故障无法区分。",
		"watch.evidence":  "证据", "watch.no_evidence": "还没有看到任何结果。", "watch.check": "检查", "watch.before": "部署前", "watch.after": "部署后",
		"watch.weighs": "说明什么", "watch.failed_of": "%[2]d 次中失败 %[1]d 次", "watch.no_looks": "没有探测", "watch.unknown_n": "%d 次无法探测",
		"watch.alert_fired": "告警已触发", "watch.excused": "不计入：%s", "watch.cause": "决定性", "watch.fault_since": "自 %s 起失败",
		"watch.timeline": "经过", "watch.rollback": "回滚", "watch.cancel": "停止观察", "watch.cancel.help": "不再下结论，也不会回滚。",
		"watch.blind": "目前无法探测：%s", "watch.left": "还剩 %s", "watch.progress": "时间已过百分之 %d",
		"watch.not_reversible": "该部署声明为不可逆，不会回滚。",

		"line.announced": "收到 %s 的通知", "line.switch": "%s 已部署", "line.fault": "%s 首次失败", "line.verdict": "结论：%s",
		"line.run": "回滚到 %s", "line.asked": "请人答复", "line.answered": "%s：%s", "line.ended": "回滚：%s", "line.deadline": "观察截止",
		"line.watch": "开始观察",

		"chart.label": "各项检查看到的情况", "chart.row": "%s：探测 %d 次，故障 %d 次，未知 %d 次。", "chart.up": "正常（越高越慢）", "chart.down": "故障",
		"chart.unknown": "无法探测", "chart.empty": "这段时间没有探测。", "chart.none": "没有探测",

		"run.title_back": "回滚 %s", "run.title_other": "%[2]s：%[1]s", "run.page": "处置", "run.runbook": "预案", "run.trigger": "起因", "run.from": "从",
		"run.to": "到", "run.created": "提出", "run.started": "开始", "run.ended": "结束", "run.took": "用时", "run.steps": "步骤",
		"run.no_steps": "没有执行任何操作。", "run.intent": "意图", "run.attempt": "第 %d 次尝试", "run.output": "输出", "run.resolved": "由 %s 确认",
		"run.verification": "验证", "run.verification.help": "最后一步之后会再次探测这些检查。", "run.check": "检查", "run.health": "现状", "run.looks": "次数",
		"run.reason": "原因", "run.ledger": "台账", "run.answers": "答复", "run.who": "谁", "run.when": "何时", "run.what": "事项", "run.detail": "详情",
		"run.failing": "必须恢复", "run.watch": "观察", "run.alert": "告警", "run.abort": "中止处置", "run.about": "整体", "run.step": "步骤 %d",

		"ledger.created": "创建", "ledger.intent": "意图", "ledger.outcome": "结果", "ledger.asked": "提问", "ledger.answered": "答复",
		"ledger.resolved": "确认", "ledger.verified": "验证", "ledger.ended": "结束",

		"alerts.title": "告警", "alerts.open": "未恢复", "alerts.resolved": "最近一天已恢复", "alerts.none": "没有待定或触发中的告警。",
		"alerts.ack": "我来处理", "alerts.acked": "%s 正在处理", "alerts.unack": "不再处理", "alerts.silence": "静默", "alerts.silenced": "已静默",
		"alerts.for": "时长", "alerts.why": "原因", "alerts.silences": "静默", "alerts.no_silences": "没有静默。", "alerts.expire": "结束",
		"alerts.matchers": "匹配", "alerts.until": "至", "alerts.by": "由", "alerts.comment": "原因", "alerts.new_silence": "新建静默",
		"alerts.matchers.help": "每行一个标签匹配，须全部满足。例如：service=\"order-sync\"", "alerts.value": "值",
		"alerts.expr": "条件", "alerts.runbook": "预案", "alerts.run": "处置", "alerts.coming": "自 %s 起",

		"journal.title": "日志", "journal.help": "发生的一切，最新的在前。", "journal.older": "更早", "journal.newest": "最新",
		"journal.none": "还没有发生任何事情。", "journal.service": "服务", "journal.all": "全部", "journal.show": "查看",

		"what.deploy": "部署", "what.verdict": "结论", "what.watch": "观察", "what.ack": "确认告警", "what.unack": "撤回确认",
		"what.silence": "静默", "what.unsilence": "结束静默", "what.alert": "告警", "what.rollback": "回滚", "what.reload": "重新加载",
		"what.run_created": "处置：提出", "what.run_intent": "处置：步骤意图", "what.run_outcome": "处置：步骤结果", "what.run_asked": "处置：请人答复", "what.run_answered": "处置：已答复", "what.run_resolved": "处置：确认", "what.run_verified": "处置：验证", "what.run_ended": "处置：结束",
		"what.approve": "批准", "what.reject": "拒绝", "what.abort": "中止", "what.cancel": "取消",

		"drills.title": "演练", "drills.help": "在非生产环境演练预案。", "drills.none": "还没有演练过。",
		"drills.took": "用时", "drills.state": "结果", "drills.runbook": "预案",

		"sla.title": "%s 报告", "sla.running": "本月尚未结束：数据截至 %s。", "sla.service": "服务", "sla.all": "全部服务",
		"sla.show": "查看", "sla.json": "JSON", "sla.csv": "CSV", "sla.overall": "全部服务合计", "sla.availability": "可用率",
		"sla.availability_all": "计入维护：%s", "sla.objective": "承诺 %s", "sla.met": "达成", "sla.not_met": "未达成", "sla.met_unknown": "未知",
		"sla.budget": "剩余错误预算", "sla.budget_of": "已用 %s，共 %s", "sla.cfr": "变更失败率",
		"sla.cfr_of": "%[2]d 次部署中失败 %[1]d 次", "sla.detect": "发现用时", "sla.recover": "恢复用时", "sla.median": "%d 例的中位数；九成在 %s 内",
		"sla.no_cases": "无案例", "sla.rollbacks": "回滚", "sla.rollbacks_of": "恢复 %d，未恢复 %d，失败 %d", "sla.times": "时间去向",
		"sla.up": "正常", "sla.down": "故障", "sla.blind": "不可见", "sla.maintenance": "维护", "sla.days": "逐日", "sla.downtimes": "故障时段",
		"sla.no_downtimes": "没有故障。", "sla.from": "开始", "sla.length": "时长", "sla.cause": "原因", "sla.led": "后续", "sla.open": "仍在故障",
		"sla.deploys": "部署", "sla.windows": "维护", "sla.late": "公告较晚，自 %s 起计", "sla.name": "名称", "sla.to": "结束",
		"sla.taken_out": "其中故障", "sla.unknown": "未知", "sla.made_of": "各项数字的来源", "sla.none": "尚未配置服务。",
		"sla.day": "%s：正常 %s，故障 %s，不可见 %s，维护 %s", "sla.from_deploy": "始于某次部署的观察期", "sla.rollback": "回滚",
		"sla.strip": "每日可用率", "sla.legend": "实心：全天正常；自上而下的缺口：故障；虚线：不可见；空心：维护", "sla.check_table": "检查",
		"sla.began": "始于 %s，早于本月",

		"login.title": "登录", "login.token": "令牌", "login.do": "登录", "login.wrong": "令牌未知或已吊销。",
		"login.help": "请粘贴令牌。管理员可用以下命令创建：guardian token create", "login.free": "未配置令牌，无需登录。",
		"login.moment": "请稍候…",

		"error.title": "未能完成", "error.back": "回到总览", "error.404": "这里什么也没有。", "error.403": "你无权这样做。",
		"error.500": "内部错误，详情见日志。", "error.503": "目前无法完成。", "error.409": "现在不能这样做。",
		"error.422": "表单填写有误。", "error.400": "无法读取请求。",

		"done.ack": "已记录：由你处理。", "done.unack": "已记录：你不再处理。", "done.silence": "已静默。", "done.expire": "静默已结束。",
		"done.approve": "已批准。", "done.reject": "已拒绝。", "done.done": "已记录：步骤已发生。", "done.repeat": "将重做该步骤。",
		"done.abort": "处置已中止。", "done.cancel": "观察已结束。", "done.rollback": "已提出回滚。",
	}
}
