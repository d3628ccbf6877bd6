package reason

// checkWords are the codes of why a check is down or cannot look.
func checkWords(code string) (Words, bool) {
	switch code {
	case "path_cut_off":
		return Words{"cut off: {controls}", "网络中断：{controls}"}, true
	case "control_silent":
		return Words{"control {control} does not answer[ ({why})]", "对照目标 {control} 无响应[（{why}）]"}, true
	case "check_without_look":
		return Words{"it has not been looked at yet", "尚未探测过"}, true
	case "check_without_new_look":
		return Words{"no look has ended since then", "此后没有完成过探测"}, true
	}
	for _, words := range [...]func(string) (Words, bool){networkWords, httpWords, kindWords, backupWords, driftWords, orderWords, marketplaceWords} {
		if w, ok := words(code); ok {
			return w, true
		}
	}
	return Words{}, false
}
