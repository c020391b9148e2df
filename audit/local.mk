# fragment of audit/, included by Makefile.am
noinst_LIBRARIES += audit/libaudit.a
audit_libaudit_a_SOURCES = \
    audit/arguments.c audit/arguments.h \
    audit/audit.h \
    audit/batch.c \
    audit/chain.c audit/chain.h \
    audit/codes.c audit/codes.def audit/codes.h \
    audit/compress.c audit/compress.h \
    audit/current.c audit/current.h \
    audit/file.c audit/file.h \
    audit/flusher.c \
    audit/follow.c audit/follow.h \
    audit/hold.c \
    audit/internal.h \
    audit/keeper.c audit/keeper.h \
    audit/line.c audit/line.h \
    audit/lines.c audit/lines.h \
    audit/lock.c audit/lock.h \
    audit/members.c audit/members.h \
    audit/moved.c audit/moved.h \
    audit/rate.c audit/rate.h \
    audit/retention.c audit/retention.h \
    audit/read.c audit/read.h \
    audit/record.c audit/record.h \
    audit/recover.c audit/recover.h \
    audit/reserve.c audit/reserve.h \
    audit/scrub.c \
    audit/seal.c audit/seal.h \
    audit/seal_keys.c audit/seal_keys.h \
    audit/segments.c audit/segments.h \
    audit/source.c audit/source.h \
    audit/secrets.c audit/secrets.def audit/secrets.h audit/secrets_device.def \
    audit/seal_command.c audit/seal_command.h \
    audit/sealer.c audit/sealer.h \
    audit/segment.c audit/segment.h \
    audit/sign.c audit/sign.h \
    audit/text.h \
    audit/verify.c audit/verify.h audit/verify_internal.h \
    audit/verify_lookup.c audit/verify_seals.c \
    audit/writer.c

audit_ldadd = audit/libaudit.a qmp/libqmpcore.a base/libbase.a $(GNUTLS_LIBS) $(ZSTD_LIBS) \
    $(JSON_C_LIBS)
audit_unit_tests = tests/unit/test_audit_faults tests/unit/test_audit_follow \
    tests/unit/test_audit_rate \
    tests/unit/test_audit_read tests/unit/test_audit_record tests/unit/test_audit_seal \
    tests/unit/test_audit_recover tests/unit/test_audit_retention tests/unit/test_audit_seals tests/unit/test_audit_segments \
    tests/unit/test_audit_verify tests/unit/test_audit_writer \
    tests/unit/test_secrets
check_PROGRAMS += $(audit_unit_tests)
TESTS += $(audit_unit_tests)
EXTRA_DIST += tests/unit/audit_fixture.h tests/unit/log_fixture.h tests/unit/seal_fixture.h tests/unit/verify_chain.h
tests_unit_test_audit_faults_SOURCES = tests/unit/test_audit_faults.c
tests_unit_test_audit_faults_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_audit_faults_LDFLAGS = $(AM_LDFLAGS) \
    -Wl,--wrap=fallocate -Wl,--wrap=fdatasync -Wl,--wrap=ftruncate -Wl,--wrap=write
tests_unit_test_audit_follow_SOURCES = tests/unit/test_audit_follow.c
tests_unit_test_audit_follow_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_audit_rate_SOURCES = tests/unit/test_audit_rate.c
tests_unit_test_audit_rate_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_audit_read_SOURCES = tests/unit/test_audit_read.c
tests_unit_test_audit_read_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_secrets_SOURCES = tests/unit/test_secrets.c $(schema_file)
tests_unit_test_secrets_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_audit_record_SOURCES = tests/unit/test_audit_record.c
tests_unit_test_audit_record_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_audit_seal_SOURCES = tests/unit/test_audit_seal.c
tests_unit_test_audit_seal_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_audit_recover_SOURCES = tests/unit/test_audit_recover.c
tests_unit_test_audit_recover_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_audit_retention_SOURCES = tests/unit/test_audit_retention.c
tests_unit_test_audit_retention_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_audit_retention_LDFLAGS = $(AM_LDFLAGS) \
    -Wl,--wrap=fsync -Wl,--wrap=rename -Wl,--wrap=unlink -Wl,--wrap=gnutls_privkey_sign_data2
tests_unit_test_audit_seals_SOURCES = tests/unit/test_audit_seals.c
tests_unit_test_audit_seals_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_audit_seals_LDFLAGS = $(AM_LDFLAGS) \
    -Wl,--wrap=gnutls_privkey_sign_data2 -Wl,--wrap=gnutls_privkey_deinit -Wl,--wrap=fdatasync
tests_unit_test_audit_segments_SOURCES = tests/unit/test_audit_segments.c
tests_unit_test_audit_segments_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_audit_verify_SOURCES = tests/unit/test_audit_verify.c
tests_unit_test_audit_verify_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_audit_writer_SOURCES = tests/unit/test_audit_writer.c
tests_unit_test_audit_writer_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)

check_PROGRAMS += tests/audit/audit_write
tests_audit_audit_write_SOURCES = tests/audit/audit_write.c
tests_audit_audit_write_LDADD = $(audit_ldadd)
audit_script_tests = tests/audit/test_chain.sh tests/audit/test_full_disk.sh
TESTS += $(audit_script_tests)
EXTRA_DIST += $(audit_script_tests) tests/audit/check_chain.py tests/audit/common.sh

audit_fuzz = tests/fuzz/fuzz_audit_line tests/fuzz/fuzz_audit_open tests/fuzz/fuzz_audit_record \
    tests/fuzz/fuzz_audit_seal
check_PROGRAMS += $(audit_fuzz)
TESTS += $(audit_fuzz)
tests_fuzz_fuzz_audit_line_SOURCES = tests/fuzz/fuzz_audit_line.c tests/fuzz/replay.c
tests_fuzz_fuzz_audit_line_LDADD = $(audit_ldadd)
tests_fuzz_fuzz_audit_open_SOURCES = tests/fuzz/fuzz_audit_open.c tests/fuzz/replay.c
tests_fuzz_fuzz_audit_open_LDADD = $(audit_ldadd)
tests_fuzz_fuzz_audit_record_SOURCES = tests/fuzz/fuzz_audit_record.c tests/fuzz/replay.c
tests_fuzz_fuzz_audit_record_LDADD = $(audit_ldadd)
tests_fuzz_fuzz_audit_seal_SOURCES = tests/fuzz/fuzz_audit_seal.c tests/fuzz/replay.c
tests_fuzz_fuzz_audit_seal_LDADD = $(audit_ldadd)
EXTRA_DIST += tests/fuzz/corpus/audit_line tests/fuzz/corpus/audit_open tests/fuzz/corpus/audit_record \
    tests/fuzz/corpus/audit_seal

EXTRA_PROGRAMS += tests/bench/bench_audit tests/bench/bench_audit_verify
tests_bench_bench_audit_SOURCES = tests/bench/bench_audit.c
tests_bench_bench_audit_LDADD = $(audit_ldadd)

# --- sinks ---------------------------------------------------------------------------------------
audit_libaudit_a_SOURCES += \
    audit/journal_format.c audit/journal_format.h \
    audit/sink.c audit/sink.h \
    audit/sink_flight.c audit/sink_flight.h \
    audit/sink_position.c audit/sink_position.h \
    audit/sink_record.c audit/sink_record.h \
    audit/sink_tls.c audit/sink_transport.h \
    audit/sink_unix.c \
    audit/syslog_format.c audit/syslog_format.h

sink_unit_tests = tests/unit/test_sink tests/unit/test_sink_format tests/unit/test_sink_parts \
    tests/unit/test_sink_transport
check_PROGRAMS += $(sink_unit_tests)
TESTS += $(sink_unit_tests)
tests_unit_test_sink_SOURCES = tests/unit/test_sink.c
tests_unit_test_sink_LDADD = $(audit_ldadd) net/libnet.a base/libbase.a $(GNUTLS_LIBS) $(CMOCKA_LIBS)
tests_unit_test_sink_format_SOURCES = tests/unit/test_sink_format.c
tests_unit_test_sink_format_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_sink_transport_SOURCES = tests/unit/test_sink_transport.c
tests_unit_test_sink_transport_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
tests_unit_test_sink_parts_SOURCES = tests/unit/test_sink_parts.c
tests_unit_test_sink_parts_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)

sink_fuzz = tests/fuzz/fuzz_sink_position tests/fuzz/fuzz_sink_record
check_PROGRAMS += $(sink_fuzz)
TESTS += $(sink_fuzz)
tests_fuzz_fuzz_sink_position_SOURCES = tests/fuzz/fuzz_sink_position.c tests/fuzz/replay.c
tests_fuzz_fuzz_sink_position_LDADD = $(audit_ldadd)
tests_fuzz_fuzz_sink_record_SOURCES = tests/fuzz/fuzz_sink_record.c tests/fuzz/replay.c
tests_fuzz_fuzz_sink_record_LDADD = $(audit_ldadd)
EXTRA_DIST += tests/fuzz/corpus/sink_position tests/fuzz/corpus/sink_record
tests_bench_bench_audit_verify_SOURCES = tests/bench/bench_audit_verify.c
tests_bench_bench_audit_verify_LDADD = $(audit_ldadd)

audit_read_tests = tests/unit/test_audit_source
check_PROGRAMS += $(audit_read_tests)
TESTS += $(audit_read_tests)
tests_unit_test_audit_source_SOURCES = tests/unit/test_audit_source.c
tests_unit_test_audit_source_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)

audit_read_fuzz = tests/fuzz/fuzz_audit_source tests/fuzz/fuzz_audit_verify
check_PROGRAMS += $(audit_read_fuzz)
TESTS += $(audit_read_fuzz)
tests_fuzz_fuzz_audit_source_SOURCES = tests/fuzz/fuzz_audit_source.c tests/fuzz/replay.c
tests_fuzz_fuzz_audit_source_LDADD = $(audit_ldadd)
tests_fuzz_fuzz_audit_verify_SOURCES = tests/fuzz/fuzz_audit_verify.c tests/fuzz/replay.c
tests_fuzz_fuzz_audit_verify_LDADD = $(audit_ldadd)
EXTRA_DIST += tests/fuzz/corpus/audit_source tests/fuzz/corpus/audit_verify
