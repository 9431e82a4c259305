BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0007');
CREATE TABLE body (
	content_id INTEGER NOT NULL, 
	octets BLOB NOT NULL, 
	CONSTRAINT pk_body PRIMARY KEY (content_id), 
	FOREIGN KEY(content_id) REFERENCES content (id) ON DELETE CASCADE
);
INSERT INTO "body" VALUES(1,X'46726F6D3A2074696D62657240776F6F642E6578616D706C650D0A5375626A6563743A20596F7572206F616B0D0A0D0A4974206973206F6E20697473207761792E0D0A');
INSERT INTO "body" VALUES(2,X'46726F6D3A2074696D62657240776F6F642E6578616D706C650D0A5375626A6563743A20596F7572206F616B0D0A0D0A4974206973206F6E20697473207761792E0D0A');
INSERT INTO "body" VALUES(3,X'46726F6D3A2074696D62657240776F6F642E6578616D706C650D0A5375626A6563743A20596F7572206F616B0D0A0D0A4974206973206F6E20697473207761792E0D0A');
INSERT INTO "body" VALUES(4,X'46726F6D3A2074696D62657240776F6F642E6578616D706C650D0A5375626A6563743A20596F7572206F616B0D0A0D0A4974206973206F6E20697473207761792E0D0A');
INSERT INTO "body" VALUES(5,X'46726F6D3A2074696D62657240776F6F642E6578616D706C650D0A5375626A6563743A20596F7572206F616B0D0A0D0A4974206973206F6E20697473207761792E0D0A');
CREATE TABLE content (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	size_octets INTEGER NOT NULL, 
	sha256 TEXT NOT NULL, 
	file TEXT, 
	dropped_at INTEGER
, volatile INTEGER);
INSERT INTO "content" VALUES(1,67,'99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b',NULL,NULL,NULL);
INSERT INTO "content" VALUES(2,67,'99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b',NULL,NULL,NULL);
INSERT INTO "content" VALUES(3,67,'99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b',NULL,NULL,NULL);
INSERT INTO "content" VALUES(4,67,'99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b',NULL,NULL,NULL);
INSERT INTO "content" VALUES(5,67,'99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b',NULL,NULL,NULL);
INSERT INTO "content" VALUES(6,67,'99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b',NULL,1772442000000,NULL);
CREATE TABLE "copy" (
	"key" TEXT NOT NULL, 
	address TEXT NOT NULL, 
	entry_id INTEGER NOT NULL, 
	at INTEGER NOT NULL, 
	CONSTRAINT pk_copy PRIMARY KEY ("key", address), 
	FOREIGN KEY(entry_id) REFERENCES entry (id) ON DELETE CASCADE
);
INSERT INTO "copy" VALUES('a key','anna@office.example',5,1772442000000);
CREATE TABLE entry (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	direction TEXT NOT NULL, 
	state TEXT NOT NULL, 
	park_reason TEXT, 
	account TEXT NOT NULL, 
	uid TEXT NOT NULL, 
	session INTEGER NOT NULL, 
	host TEXT NOT NULL, 
	content_id INTEGER NOT NULL, 
	sender TEXT, 
	received_at INTEGER NOT NULL, 
	next_attempt INTEGER, 
	finished_at INTEGER, 
	attempts INTEGER NOT NULL, 
	message_id TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	from_ TEXT NOT NULL, 
	date TEXT NOT NULL, 
	edit BLOB NOT NULL, 
	codes TEXT NOT NULL, 
	text TEXT NOT NULL, 
	error TEXT NOT NULL, deleted_by TEXT, envelope BLOB, lane TEXT DEFAULT '' NOT NULL, tells INTEGER DEFAULT '1' NOT NULL, undo TEXT, 
	FOREIGN KEY(content_id) REFERENCES content (id)
);
INSERT INTO "entry" VALUES(1,'inbound','received',NULL,'office','received',1,'pop.example',1,NULL,1772442000000,NULL,NULL,0,'<1@wood.example>','Your oak','timber@wood.example','Mon, 2 Mar 2026 09:00:00 +0000',X'','','Fetched','',NULL,NULL,'',1,NULL);
INSERT INTO "entry" VALUES(2,'inbound','ready',NULL,'office','deferred ü',1,'pop.example',2,'timber@wood.example',1772442000000,1772445600000,NULL,1,'','','','',X'82A770726570656E64C414582D4D61696C476174652D4C6F6F703A20310D0AA672656E616D659183A46E616D65AC64656C6976657265642D746FA576616C7565B3616E6E61406F66666963652E6578616D706C65A86E65775F6E616D65B7582D4D61696C476174652D44656C6976657265642D546F','EE','Answered','',NULL,NULL,'',1,NULL);
INSERT INTO "entry" VALUES(3,'inbound','active',NULL,'office','active',1,'pop.example',3,'timber@wood.example',1772442000000,1772442000000,NULL,1,'','','','',X'82A770726570656E64C400A672656E616D6590','E','Routed','',NULL,NULL,'',1,NULL);
INSERT INTO "entry" VALUES(4,'inbound','parked','unrouted','office','parked',1,'pop.example',4,'timber@wood.example',1772442000000,NULL,NULL,0,'','','','',X'82A770726570656E64C400A672656E616D6590','','Routed','',NULL,NULL,'',1,NULL);
INSERT INTO "entry" VALUES(5,'inbound','done',NULL,'office','done',1,'pop.example',5,'timber@wood.example',1772442000000,NULL,1772442000000,1,'','','','',X'82A770726570656E64C400A672656E616D6590','E','Answered','',NULL,NULL,'',1,NULL);
INSERT INTO "entry" VALUES(6,'inbound','done',NULL,'office','dropped',1,'pop.example',6,'timber@wood.example',1772442000000,NULL,1772442000000,1,'','','','',X'82A770726570656E64C400A672656E616D6590','E','Answered','',NULL,NULL,'',1,NULL);
CREATE TABLE ledger (
	account TEXT NOT NULL, 
	uid TEXT NOT NULL, 
	state TEXT NOT NULL, 
	entry_id INTEGER NOT NULL, 
	first_seen INTEGER NOT NULL, 
	last_listed INTEGER NOT NULL, 
	size_octets INTEGER NOT NULL, 
	sha256 TEXT NOT NULL, header_hash TEXT, 
	CONSTRAINT pk_ledger PRIMARY KEY (account, uid)
);
INSERT INTO "ledger" VALUES('office','received','taken',1,1772442000000,1772442000000,67,'99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b','99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b');
INSERT INTO "ledger" VALUES('office','deferred ü','taken',2,1772442000000,1772442000000,67,'99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b',NULL);
INSERT INTO "ledger" VALUES('office','active','taken',3,1772442000000,1772442000000,67,'99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b',NULL);
INSERT INTO "ledger" VALUES('office','parked','settled',4,1772442000000,1772442000000,67,'99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b',NULL);
INSERT INTO "ledger" VALUES('office','done','deleting',5,1772442000000,1772442000000,67,'99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b',NULL);
INSERT INTO "ledger" VALUES('office','dropped','deleted',6,1772442000000,1772442000000,67,'99237514914e9638df30f025f6d381b46d766528489a56ef462f5df2b0f6417b',NULL);
CREATE TABLE log_row (
	entry_id INTEGER NOT NULL, 
	at INTEGER NOT NULL, 
	direction TEXT NOT NULL, 
	account TEXT NOT NULL, 
	host TEXT NOT NULL, 
	uid TEXT NOT NULL, 
	message_id TEXT NOT NULL, 
	from_ TEXT NOT NULL, 
	sender TEXT, 
	to_ TEXT, 
	recipients TEXT NOT NULL, 
	codes TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	size_octets INTEGER NOT NULL, 
	attachments INTEGER, 
	spam_score INTEGER, 
	virus TEXT, 
	rule TEXT, 
	action TEXT, 
	status TEXT NOT NULL, 
	reply_code INTEGER, 
	reply_text TEXT, 
	duration_ms INTEGER NOT NULL, 
	tries INTEGER NOT NULL, 
	CONSTRAINT pk_log_row PRIMARY KEY (entry_id)
);
INSERT INTO "log_row" VALUES(4,1772442000000,'inbound','office','pop.example','parked','','','timber@wood.example',NULL,'','','',67,NULL,NULL,NULL,NULL,NULL,'unrouted',NULL,NULL,0,0);
INSERT INTO "log_row" VALUES(5,1772442000000,'inbound','office','pop.example','done','','','timber@wood.example',NULL,'anna@office.example','E','',67,NULL,NULL,NULL,NULL,NULL,'delivered',250,'2.0.0 taken',0,1);
CREATE TABLE oversize (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	account TEXT NOT NULL, 
	uid TEXT NOT NULL, 
	message BLOB NOT NULL
);
CREATE TABLE recipient (
	entry_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	address TEXT NOT NULL, 
	code TEXT NOT NULL, 
	state TEXT NOT NULL, 
	reply_code INTEGER, 
	reply_text TEXT, 
	CONSTRAINT pk_recipient PRIMARY KEY (entry_id, position), 
	FOREIGN KEY(entry_id) REFERENCES entry (id) ON DELETE CASCADE
);
INSERT INTO "recipient" VALUES(2,0,'anna@office.example','E','delivered',250,'2.0.0 taken');
INSERT INTO "recipient" VALUES(2,1,'jonas@office.example','E','pending',452,'4.2.2 full');
INSERT INTO "recipient" VALUES(3,0,'anna@office.example','E','pending',NULL,NULL);
INSERT INTO "recipient" VALUES(5,0,'anna@office.example','E','delivered',250,'2.0.0 taken');
INSERT INTO "recipient" VALUES(6,0,'anna@office.example','E','delivered',250,'2.0.0 taken');
CREATE TABLE trace (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	entry_id INTEGER NOT NULL, 
	at INTEGER NOT NULL, 
	stage TEXT NOT NULL, 
	text TEXT NOT NULL, 
	evidence TEXT NOT NULL, 
	FOREIGN KEY(entry_id) REFERENCES entry (id) ON DELETE CASCADE
);
INSERT INTO "trace" VALUES(1,1,1772442000000,'fetched','Fetched','the evidence');
INSERT INTO "trace" VALUES(2,2,1772442000000,'fetched','Fetched','the evidence');
INSERT INTO "trace" VALUES(3,2,1772442000000,'routed','Routed','the evidence');
INSERT INTO "trace" VALUES(4,2,1772442000000,'delivered','Answered','the evidence');
INSERT INTO "trace" VALUES(5,3,1772442000000,'fetched','Fetched','the evidence');
INSERT INTO "trace" VALUES(6,3,1772442000000,'routed','Routed','the evidence');
INSERT INTO "trace" VALUES(7,4,1772442000000,'fetched','Fetched','the evidence');
INSERT INTO "trace" VALUES(8,4,1772442000000,'routed','Routed','the evidence');
INSERT INTO "trace" VALUES(9,5,1772442000000,'fetched','Fetched','the evidence');
INSERT INTO "trace" VALUES(10,5,1772442000000,'routed','Routed','the evidence');
INSERT INTO "trace" VALUES(11,5,1772442000000,'delivered','Answered','the evidence');
INSERT INTO "trace" VALUES(12,6,1772442000000,'fetched','Fetched','the evidence');
INSERT INTO "trace" VALUES(13,6,1772442000000,'routed','Routed','the evidence');
INSERT INTO "trace" VALUES(14,6,1772442000000,'delivered','Answered','the evidence');
INSERT INTO "trace" VALUES(15,6,1772442000000,'deleted','Deleted','the evidence');
CREATE TABLE value (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_value PRIMARY KEY ("key")
);
INSERT INTO "value" VALUES('fetch.paused','for ever');
CREATE INDEX ix_content_dropped_at ON content (dropped_at);
CREATE INDEX ix_entry_state_next_attempt ON entry (state, next_attempt);
CREATE INDEX ix_entry_finished_at ON entry (finished_at);
CREATE INDEX ix_entry_account_id ON entry (account, id);
CREATE INDEX ix_entry_content_id ON entry (content_id);
CREATE INDEX ix_trace_entry_id_id ON trace (entry_id, id);
CREATE INDEX ix_ledger_entry_id ON ledger (entry_id);
CREATE INDEX ix_content_volatile ON content (volatile) WHERE volatile IS NOT NULL;
CREATE INDEX ix_ledger_live ON ledger (account, state, first_seen, uid, entry_id) WHERE state <> 'deleted';
CREATE INDEX ix_ledger_gone ON ledger (account, last_listed) WHERE state = 'deleted';
CREATE INDEX ix_log_row_at ON log_row (at);
CREATE INDEX ix_entry_deleted ON entry (finished_at) WHERE deleted_by IS NOT NULL;
CREATE INDEX ix_copy_entry_id ON copy (entry_id);
CREATE INDEX ix_entry_lane_state_next_attempt ON entry (lane, state, next_attempt);
CREATE INDEX ix_entry_queue ON entry (id, state, lane, sender, tells) WHERE direction = 'outbound' AND state <> 'done';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('content',6);
INSERT INTO "sqlite_sequence" VALUES('entry',6);
INSERT INTO "sqlite_sequence" VALUES('trace',15);
COMMIT;
