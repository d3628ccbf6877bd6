package reason

// sqlWords are the codes of steps of kind sql.
func sqlWords(code string) (Words, bool) {
	switch code {
	case "sql_irreversible":
		return Words{
			"the deploy of {version} was announced with reversible: false: its migration is not taken back by a step; do by hand what is left to do, or run a runbook without this step",
			"{version} 的部署声明为不可逆（reversible: false），步骤不会回退其数据库变更；请人工处理，或改用不含该步骤的预案",
		}, true
	case "sql_controls_transaction":
		return Words{
			"{statement} (line {line}) begins or ends a transaction, or a part of one; leave it out: the step runs its statements in one",
			"{statement}（第 {line} 行）会开始或结束事务；请删除该语句，步骤会把所有语句放在同一个事务里执行",
		}, true
	case "sql_commits_implicitly":
		return Words{
			"{statement} (line {line}) ends the transaction by itself on MySQL, or may, so that what ran before it could not be rolled back; make it the single statement of a step with implicit_commit: true",
			"{statement}（第 {line} 行）在 MySQL 上会（或可能）隐式提交事务，之前的语句将无法回滚；请把它单独放进一个设置了 implicit_commit: true 的步骤",
		}, true
	case "sql_commits_alone":
		return Words{
			"only the single statement of a step may commit by itself, and there are {number}",
			"隐式提交的语句必须独占一个步骤，这里有 {number} 条语句",
		}, true
	case "sql_file":
		return Words{"{file}: {error}", "{file}：{error}"}, true
	case "sql_file_path":
		return Words{"the path has parts such as .. or //", "路径中含有 .. 或 // 等成分"}, true
	case "sql_file_many":
		return Words{
			"it holds {number} statements, and args and rows are of a single one; write a comment -- rows: before each",
			"文件中有 {number} 条语句，而 args 和 rows 只能用于单条语句；请在每条语句前用注释 -- rows: 注明行数",
		}, true
	case "sql_finds_no_rows":
		return Words{"{statement} (line {line}) finds no rows: leave the number out", "{statement}（第 {line} 行）不涉及行数，请去掉行数要求"}, true
	case "sql_connect":
		return Words{"database at {server}: {error}", "数据库 {server}：{error}"}, true
	case "sql_read_only":
		return Words{"the server at {server} is read-only, such as a replica", "{server} 处于只读状态（例如从库）"}, true
	case "sql_no_transactions":
		return Words{
			"table {table} has the engine {engine}, which cannot roll back; change it to InnoDB, or do it by hand",
			"表 {table} 使用的存储引擎 {engine} 不支持回滚；请改为 InnoDB，或人工执行",
		}, true
	case "sql_table_unread":
		return Words{"table {table}: {error}", "表 {table}：{error}"}, true
	case "sql_no_table":
		return Words{
			"there is no table {table} to record the step in; create it ({statement}), or give a status_query",
			"没有用于记录步骤的表 {table}；请创建该表（{statement}），或配置 status_query",
		}, true
	case "sql_table_not_created":
		return Words{
			"table {table}, in which the step is recorded, could not be created: {error}; create it yourself ({statement}), or give a status_query",
			"无法创建用于记录步骤的表 {table}：{error}；请自行创建（{statement}），或配置 status_query",
		}, true
	case "sql_not_begun":
		return Words{"the transaction could not be recorded: {error}", "事务无法登记：{error}"}, true
	case "sql_locked":
		return Words{"another program has kept the database locked for {within}", "数据库被其他程序锁定已超过{within}"}, true
	case "sql_under_way":
		return Words{"a session of this step is still open at the server", "服务器上仍有该步骤的会话未结束"}, true
	case "sql_statement":
		return Words{"statement {number}, {statement}: {error}; nothing of the step was committed", "第 {number} 条语句 {statement}：{error}；该步骤没有提交任何更改"}, true
	case "sql_statement_alone":
		return Words{"{statement}: {error}", "{statement}：{error}"}, true
	case "sql_wrong_rows":
		return Words{
			"statement {number}, {statement}, found {rows:row|rows} where {want} must be; everything was rolled back",
			"第 {number} 条语句 {statement} 涉及 {rows} 行，要求为 {want}；已全部回滚",
		}, true
	case "sql_out_of_time":
		return Words{"the time was over", "超时"}, true
	case "sql_commit":
		return Words{"COMMIT: {error}", "提交（COMMIT）：{error}"}, true
	default:
		return sqlOutcomeWords(code)
	}
}

// sqlOutcomeWords are the codes of what a database tells of a step, and of plans.
func sqlOutcomeWords(code string) (Words, bool) {
	switch code {
	case "sql_half_committed":
		return Words{
			"table {table} has the step as begun and not as done: a part of it may be committed; look at the database",
			"表 {table} 中该步骤已开始但未完成：可能只提交了一部分，请检查数据库",
		}, true
	case "sql_not_rolled_back":
		return Words{
			"the server says that a table which does not know transactions was changed and not rolled back; look at the database",
			"服务器提示有不支持事务的表已被修改且无法回滚；请检查数据库",
		}, true
	case "sql_recorded":
		return Words{"table {table} has the step as done", "表 {table} 记录该步骤已完成"}, true
	case "sql_not_recorded":
		return Words{"table {table} does not have the step: nothing of it was committed", "表 {table} 中没有该步骤的记录：没有提交任何更改"}, true
	case "sql_status_yes":
		return Words{"status_query says that it happened", "status_query 表明已执行"}, true
	case "sql_status_no":
		return Words{"status_query says that it did not happen", "status_query 表明未执行"}, true
	case "sql_status_unclear":
		return Words{"status_query gave {answer}, which is neither true nor false", "status_query 返回 {answer}，既不是真也不是假"}, true
	case "sql_status_failed":
		return Words{"ask the database whether it happened: {error}", "向数据库查询是否已执行时失败：{error}"}, true
	case "sql_plan_target":
		return Words{"{server} at {place}, database {database}, as {user}.", "{place} 上的 {server}，数据库 {database}，用户 {user}。"}, true
	case "sql_plan_limits":
		return Words{
			"A statement waits at most {lock} for a lock, and takes at most {statement}.",
			"每条语句等待锁最多{lock}，执行最多{statement}。",
		}, true
	case "sql_plan_table":
		return Words{"Table {table} is created, to record the step.", "将创建表 {table} 用于记录该步骤。"}, true
	case "sql_plan_commits":
		return Words{"The statement commits by itself and cannot be rolled back.", "该语句会隐式提交，无法回滚。"}, true
	case "sql_plan_statement":
		return Words{"{number}. {statement}[ ({rows} rows)].", "{number}. {statement}[（{rows} 行）]。"}, true
	case "sql_plan_rehearsed":
		return Words{"{number}. {statement}: {rows:row|rows}, rolled back.", "{number}. {statement}：{rows} 行，已回滚。"}, true
	default:
		return Words{}, false
	}
}
