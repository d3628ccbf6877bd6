package reason

// snapshotWords are the codes of steps of kind snapshot.
func snapshotWords(code string) (Words, bool) {
	switch code {
	case "snapshot_path":
		return Words{"{file}: the path has parts such as .. or //", "{file}：路径中含有 .. 或 // 等成分"}, true
	case "snapshot_not_written":
		return Words{"the command ended well, and there is no {file}: {error}", "命令执行成功，但没有生成 {file}：{error}"}, true
	case "snapshot_unchanged":
		return Words{"the command ended well, and {file} is the one of before", "命令执行成功，但 {file} 仍是之前的文件"}, true
	case "snapshot_small":
		return Words{"{file} has {size:byte|bytes}, at least {want} wanted", "{file} 只有 {size} 字节，要求至少 {want} 字节"}, true
	case "snapshot_sum":
		return Words{"checksum of {file}: {error}", "校验 {file}：{error}"}, true
	case "snapshot_none":
		return Words{"there is no snapshot to put back, {file}: {error}", "没有可恢复的快照 {file}：{error}"}, true
	case "snapshot_old":
		return Words{"the snapshot {file} is {age} old, at most {want} may be put back (max_age)", "快照 {file} 距今 {age}，超过允许恢复的 {want}（max_age）"}, true
	case "snapshot_damaged":
		return Words{"the snapshot {file} is not what its checksum says: it is damaged, or was changed; nothing was touched", "快照 {file} 与校验和不符：文件已损坏或被修改；未做任何改动"}, true
	case "snapshot_would_lose":
		return Words{
			"everything that was written in the last {age}, after the snapshot {file}, would be lost; accept_loss: true lets it go",
			"快照 {file} 之后（最近 {age}内）写入的数据都会丢失；如可接受，请设置 accept_loss: true",
		}, true
	case "snapshot_taken":
		return Words{"{file} and its checksum were written by this step", "{file} 及其校验和已由该步骤写入"}, true
	case "snapshot_plan_take":
		return Words{"A snapshot is written to {file}.", "将快照写入 {file}。"}, true
	case "snapshot_plan_replaces":
		return Words{"The one of {at} there is replaced.", "其中 {at} 的快照将被替换。"}, true
	case "snapshot_plan_restore":
		return Words{
			"{file} of {at} ({size:byte|bytes}) is put back: what was written in the last {age} is lost.",
			"恢复 {at} 的 {file}（{size} 字节）：最近 {age}内写入的数据会丢失。",
		}, true
	case "snapshot_plan_not_compared":
		return Words{"It could not be compared with its checksum in the time of a preview; the step does that before it touches anything.", "预览时间内未能完成校验；步骤执行时会先校验再改动。"}, true
	default:
		return Words{}, false
	}
}
