-- Facts as guardians wrote them that kept reasons as English sentences.
INSERT INTO deploys (id, service, environment, version, at, doc) VALUES
	('d_1', 'order-sync', 'production', 'v2', 1793588645000000000, '{"id":"d_1","service":"order-sync","environment":"production","version":"v2","previous_version":"v1","kind":"code","author":"li","reversible":false,"at":"2026-11-02T03:04:05Z","announced":"2026-11-02T03:04:05Z"}');
INSERT INTO watches (id, deploy, service, environment, state, is_open, started, doc) VALUES
	('w_1', 'd_1', 'order-sync', 'production', 'failed', 0, 1793588645000000000, '{"id":"w_1","deploy":"d_1","service":"order-sync","environment":"production","version":"v2","kind":"code","mode":"observe","mode_reason":"the service has no known good version","policy":{"for":0,"mode":"","alpha":0,"grace":0,"max_blind":0,"min_samples":0,"ratio":0,"delta":0,"bad":0,"beta":0,"soak":0},"state":"failed","switched":"0001-01-01T00:00:00Z","started":"2026-11-02T03:04:05Z","from":"0001-01-01T00:00:00Z","deadline":"2026-11-02T03:34:05Z","ended":"2026-11-02T03:05:05Z","snapshot":{"health":null,"firing":null,"before":null},"checks":[{"check":"push","failure_rate":0,"weight":0,"every":0,"share":0,"from":"0001-01-01T00:00:00Z","horizon":0,"allowed":0,"judged":{"looks":0,"failures":0},"after":{"looks":0,"failures":0},"excused":"red before the deploy","health":"unknown","last_reason":"status 503, want 200","blind_reason":"no route to host"}],"targets":[{"check":"control","failure_rate":0,"weight":0,"every":0,"health":"unknown","reason":"connection refused"}],"unfit":["control"],"verdict":{"state":"failed","reason":"push failed 6 of 15 looks; before the deploy 0 of 240","at":"2026-11-02T03:05:05Z","cause":"push","metric":"failures","failing":["push"]},"reason":"push failed 6 of 15 looks; before the deploy 0 of 240","seq":7}');
INSERT INTO known_goods (service, environment, version, at, doc) VALUES
	('order-sync', 'production', 'v1', 1793588645000000000, '{"service":"order-sync","environment":"production","version":"v1","at":"2026-11-02T03:04:05Z","by":"w_0"}');
INSERT INTO plans (watch, service, at, doc) VALUES
	('w_1', 'order-sync', 1793588645000000000, '{"watch":"w_1","service":"order-sync","runbook":"back","to":"v1","mode":"observe","refused":["cooldown: run r_0 ended at 2026-11-02T03:00:00Z"],"at":"2026-11-02T03:04:05Z"}');
INSERT INTO marks (watch, service, at, doc) VALUES
	('w_1', 'order-sync', 1793588645000000000, '{"watch":"w_1","service":"order-sync","mark":"wrong","note":"the network","by":"ada","at":"2026-11-02T03:04:05Z"}');
INSERT INTO alerts (id, service, is_open, active_at, doc) VALUES
	('a_1', 'order-sync', 1, 1793588645000000000, '{"id":"a_1","rule":"ApiSuccessLow","rule_key":"","group":"","file":"","expr":"","tier":"critical","state":"firing","labels":{"service":"order-sync"},"annotations":{"summary":"orders fail"},"active_at":"2026-11-02T03:04:05Z","fired_at":"2026-11-02T03:05:05Z","last_eval":"2026-11-02T03:05:05Z","value":0.25}');
INSERT INTO alert_episodes (id, fired_at, service, is_open, doc) VALUES
	('a_1', 1793588705000000000, 'order-sync', 1, '{"id":"a_1","rule":"ApiSuccessLow","rule_key":"","group":"","file":"","expr":"","tier":"critical","state":"firing","labels":{"service":"order-sync"},"annotations":{"summary":"orders fail"},"active_at":"2026-11-02T03:04:05Z","fired_at":"2026-11-02T03:05:05Z","last_eval":"2026-11-02T03:05:05Z","value":0.25}');
INSERT INTO runs (id, service, environment, runbook, trigger_kind, deploy, watch, alert, state, is_open, is_rollback, created, once_key, doc) VALUES
	('r_1', 'order-sync', 'production', 'back', 'verdict', 'd_1', 'w_1', '', 'awaiting_approval', 1, 1, 1793588645000000000, 'verdict/d_1', '{"id":"r_1","service":"order-sync","environment":"production","runbook":"back","rev":4,"trigger":{"kind":"verdict","deploy":"d_1","watch":"w_1","reason":"push failed 6 of 15 looks"},"rollback":true,"from":"v2","to":"v1","state":"awaiting_approval","reason":"three services failed within 10m","created":"2026-11-02T03:04:05Z","steps":[{"name":"put back","kind":"docker","state":"failed","intent":"i_1","attempt":1,"started":"2026-11-02T03:04:05Z","ended":"2026-11-02T03:04:05Z","output":"pulled","error":"no such image","resolved":"the target says that it was not done"}],"question":{"code":"approval","text":"Put order-sync back to v1?","why":"brake","step":0,"until":"2026-11-02T04:04:05Z","on_timeout":"expire","quorum":1,"roles":["approver"]},"answers":[{"by":"wang","role":"approver","at":"2026-11-02T03:04:05Z","decision":"approve","note":"go ahead"}],"failing":["push"],"verification":[{"check":"push","health":"down","reason":"status 503, want 200","at":"2026-11-02T03:04:05Z","looks":3}]}');
INSERT INTO ledger (seq, run, once_key, doc) VALUES
	(1, 'r_1', NULL, '{"run":"r_1","step":-1,"what":"created","detail":"push failed 6 of 15 looks","by":"guardian","at":"2026-11-02T03:04:05Z"}');
INSERT INTO ledger (seq, run, once_key, doc) VALUES
	(2, 'r_1', 'attempt/0/1/r_1', '{"run":"r_1","step":0,"intent":"i_1","what":"intent","at":"2026-11-02T03:04:05Z"}');
INSERT INTO ledger (seq, run, once_key, doc) VALUES
	(3, 'r_1', NULL, '{"run":"r_1","step":0,"intent":"i_1","what":"outcome","detail":"failed: no such image","at":"2026-11-02T03:04:05Z"}');
INSERT INTO deliveries (id, seq, receiver, notice_key, state, is_open, next_at, created, updated, doc) VALUES
	('n_1', 1, 'oncall', 'a_1', 'queued', 1, 1793588645000000000, 1793588645000000000, 1793588645000000000, '{"id":"n_1","receiver":"oncall","notice":{"id":"n_1","key":"a_1","tier":"critical","tone":"","labels":null,"lang":"","title":"订单推送失败","text":"orders fail","created":"2026-11-02T03:04:05Z"},"state":"queued","attempts":2,"next_at":"2026-11-02T03:04:05Z","error":"slack says invalid_token","updated":"2026-11-02T03:04:05Z"}');
INSERT INTO orders (id, check_name, is_open, created, updated, doc) VALUES
	('GRD-1', 'push', 1, 1793588645000000000, 1793588645000000000, '{"id":"GRD-1","check":"push","stage":"intended","ref":"","tries":1,"reason":"cleanup: status 500","created":"2026-11-02T03:04:05Z","updated":"2026-11-02T03:04:05Z"}');
INSERT INTO intervals (check_name, from_at, to_at, doc) VALUES
	('push', 1793588645000000000, 1793588705000000000, '{"check":"push","service":"order-sync","health":"down","from":"2026-11-02T03:04:05Z","to":"2026-11-02T03:05:05Z","reason":"status 503, want 200","seen":"2026-11-02T03:04:05Z"}');
INSERT INTO rollups (check_name, hour, doc) VALUES
	('push', 1793588645000000000, '{"check":"push","service":"order-sync","hour":"2026-11-02T03:04:05Z","up":3600000000000,"down":0,"unknown":0,"looks":240,"failures":1,"latency":1000000000}');
INSERT INTO check_states (check_name, at, doc) VALUES
	('push', 1793588645000000000, '{"check":"push","last":{"check":"push","kind":"order_push","service":"order-sync","labels":{"shop":"sg-1"},"at":"2026-11-02T03:04:05Z","duration":1000000000,"health":"down","reason":"status 503, want 200","version":"v2","detail":"HTTP/1.1 503"},"at":"2026-11-02T03:04:05Z","follow_ups":{"seen":1,"again":2,"cleared":3}}');
INSERT INTO failures (check_name, at, doc) VALUES
	('push', 1793588645000000000, '{"check":"push","kind":"order_push","service":"order-sync","labels":{"shop":"sg-1"},"at":"2026-11-02T03:04:05Z","duration":1000000000,"health":"down","reason":"status 503, want 200","version":"v2","detail":"HTTP/1.1 503"}');
INSERT INTO looks (seq, at, doc) VALUES
	(1, 1793588645000000000, '[{"c":"push","s":"order-sync","a":1793588645000000000,"d":1000000000,"h":2,"r":"status 503, want 200","v":"v2"}]');
INSERT INTO heartbeats (check_name, at, doc) VALUES
	('nightly', 1793588645000000000, '{"check":"nightly","at":"2026-11-02T03:04:05Z","ok":false,"reason":"exit 3"}');
INSERT INTO acks (ack_key, at, doc) VALUES
	('a_1', 1793588645000000000, '{"key":"a_1","by":"wang","at":"2026-11-02T03:04:05Z","note":"looking"}');
INSERT INTO idempotent (idempotency_key, at, doc) VALUES
	('k_1', 1793588645000000000, '{"key":"k_1","body_hash":"abc","status":201,"answer":"eyJkZXBsb3kiOnt9fQ==","at":"2026-11-02T03:04:05Z"}');
INSERT INTO audit (id, at, service, subject, doc) VALUES
	('j_1', 1793588645000000000, 'order-sync', 'order-sync v2', '{"id":"j_1","at":"2026-11-02T03:04:05Z","who":"guardian","what":"verdict","service":"order-sync","subject":"order-sync v2","detail":"failed: push failed 6 of 15 looks","path":"/watches/w_1"}');
INSERT INTO silences (id, until, doc) VALUES
	('s_1', 1793592245000000000, '{"id":"s_1","matchers":["service=\"order-sync\""],"from":"2026-11-02T03:04:05Z","until":"2026-11-02T04:04:05Z","by":"wang","created":"2026-11-02T03:04:05Z"}');
