package reason

// backupWords are the codes of checks of kind backup.
func backupWords(code string) (Words, bool) {
	switch code {
	case "backup_none":
		return Words{"there is no backup", "没有任何备份"}, true
	case "backup_old":
		return Words{"the newest backup[ {backup}] is {age} old, at most {want} wanted", "最新备份[ {backup} ]距今 {age}，要求不超过 {want}"}, true
	case "backup_small":
		return Words{"the newest backup[ {backup}] has {size:byte|bytes}, at least {want} wanted", "最新备份[ {backup} ]只有 {size} 字节，要求至少 {want} 字节"}, true
	case "backup_shrunk":
		return Words{"the newest backup[ {backup}] has {size:byte|bytes}, usual are {usual}", "最新备份[ {backup} ]只有 {size} 字节，通常为 {usual} 字节"}, true
	case "backup_no_size":
		return Words{"the size of the newest backup[ {backup}] is not known", "无法得知最新备份[ {backup} ]的大小"}, true
	case "backup_damaged":
		return Words{"{backup} is not what its checksum says: it is damaged, or was changed", "{backup} 与校验和不符：文件已损坏或被修改"}, true
	case "backup_sum_unread":
		return Words{"{backup} could not be compared with its checksum: {error}", "无法校验 {backup}：{error}"}, true
	case "backup_sum_late":
		return Words{"it could not be read within the look: give the check a longer timeout", "在单次检查的时限内未能读完：请加大检查的 timeout"}, true
	case "backup_sidecar":
		return Words{"{file}: {error}", "{file}：{error}"}, true
	case "backup_unread":
		return Words{"the backups could not be read: {why}", "无法读取备份信息：{why}"}, true
	case "backup_folder":
		return Words{"{folder}: {error}", "{folder}：{error}"}, true
	case "backup_no_time":
		return Words{"the query gives no column at with a time; it gives {columns}", "查询结果没有表示时间的列 at，只有 {columns}"}, true
	case "backup_too_many":
		return Words{"there are more than {n} objects: give a longer prefix", "对象超过 {n} 个：请使用更长的 prefix"}, true
	case "backup_s3_status":
		return Words{"the answer has status {status}", "返回状态码 {status}"}, true
	case "backup_s3_refused":
		return Words{"{code} ({status})[: {message}]", "{code}（{status}）[：{message}]"}, true
	case "backup_s3_no_listing":
		return Words{"the answer is no listing of a bucket", "返回内容不是存储桶的对象列表"}, true
	default:
		return Words{}, false
	}
}
