noinst_LIBRARIES += qmp/libqmpcore.a
qmp_libqmpcore_a_SOURCES = \
    qmp/agent.c qmp/agent.h \
    qmp/frame.c qmp/frame.h \
    qmp/message.c qmp/message.h \
    qmp/names.c qmp/names.h \
    qmp/scan.c qmp/scan.h qmp/scan_internal.h qmp/scan_number.c qmp/scan_string.c \
    qmp/schema.c qmp/schema.h qmp/schema_internal.h qmp/schema_parse.c \
    qmp/siphash.c qmp/siphash.h \
    qmp/tape.c qmp/tape.h \
    qmp/types.c qmp/types.h qmp/types_parse.c \
    qmp/uri.c qmp/uri.h \
    qmp/validate.c qmp/validate.h \
    qmp/write.c qmp/write.h

nodist_qmp_libqmpcore_a_SOURCES = qmp/agent_table.h
qmp/agent_table.h: $(top_srcdir)/schema/agent.py $(top_srcdir)/schema/facts.py $(top_srcdir)/$(pinned_agent)
	$(AM_V_GEN)$(MKDIR_P) qmp && $(PYTHON3) -B $(top_srcdir)/schema/agent.py $(top_srcdir)/$(pinned_agent) $@
qmp/agent.$(OBJEXT): qmp/agent_table.h
BUILT_SOURCES += qmp/agent_table.h
CLEANFILES += qmp/agent_table.h

qmp_ldadd = qmp/libqmpcore.a base/libbase.a $(GNUTLS_LIBS)
qmp_unit_tests = tests/unit/test_agent tests/unit/test_scan tests/unit/test_frame tests/unit/test_message \
    tests/unit/test_schema tests/unit/test_types tests/unit/test_validate tests/unit/test_write
check_PROGRAMS += $(qmp_unit_tests)
TESTS += $(qmp_unit_tests)
tests_unit_test_agent_SOURCES = tests/unit/test_agent.c
tests_unit_test_agent_LDADD = $(qmp_ldadd) $(CMOCKA_LIBS)
tests_unit_test_scan_SOURCES = tests/unit/test_scan.c
tests_unit_test_scan_LDADD = $(qmp_ldadd) $(CMOCKA_LIBS)
tests_unit_test_frame_SOURCES = tests/unit/test_frame.c
tests_unit_test_frame_LDADD = $(qmp_ldadd) $(CMOCKA_LIBS)
tests_unit_test_message_SOURCES = tests/unit/test_message.c
tests_unit_test_message_LDADD = $(qmp_ldadd) $(CMOCKA_LIBS)
tests_unit_test_schema_SOURCES = tests/unit/test_schema.c
tests_unit_test_schema_LDADD = $(qmp_ldadd) $(CMOCKA_LIBS)
schema_file = tests/qmp/schema_file.c tests/qmp/schema_file.h
tests_unit_test_types_SOURCES = tests/unit/test_types.c $(schema_file)
tests_unit_test_types_LDADD = $(qmp_ldadd) $(CMOCKA_LIBS)
tests_unit_test_validate_SOURCES = tests/unit/test_validate.c $(schema_file)
tests_unit_test_validate_LDADD = $(qmp_ldadd) $(CMOCKA_LIBS)
tests_unit_test_write_SOURCES = tests/unit/test_write.c
tests_unit_test_write_LDADD = $(qmp_ldadd) $(CMOCKA_LIBS)

# What the validator thinks of lines: test_differential.py asks it and a real QEMU.
check_PROGRAMS += tests/qmp/validate_lines
tests_qmp_validate_lines_SOURCES = tests/qmp/validate_lines.c $(schema_file)
tests_qmp_validate_lines_LDADD = $(qmp_ldadd)

# `make tests/bench/bench_scan`: figures, no test
EXTRA_PROGRAMS += tests/bench/bench_scan tests/bench/bench_validate
tests_bench_bench_validate_SOURCES = tests/bench/bench_validate.c $(schema_file)
tests_bench_bench_validate_LDADD = $(qmp_ldadd)
tests_bench_bench_scan_SOURCES = tests/bench/bench_scan.c
tests_bench_bench_scan_LDADD = qmp/libqmpcore.a base/libbase.a

qmp_fuzz = tests/fuzz/fuzz_scan tests/fuzz/fuzz_frame tests/fuzz/fuzz_message \
    tests/fuzz/fuzz_agent tests/fuzz/fuzz_answer tests/fuzz/fuzz_schema tests/fuzz/fuzz_validate
check_PROGRAMS += $(qmp_fuzz)
TESTS += $(qmp_fuzz)
tests_fuzz_fuzz_scan_SOURCES = tests/fuzz/fuzz_scan.c tests/fuzz/replay.c
tests_fuzz_fuzz_scan_LDADD = $(qmp_ldadd) $(JSON_C_LIBS)
tests_fuzz_fuzz_frame_SOURCES = tests/fuzz/fuzz_frame.c tests/fuzz/replay.c
tests_fuzz_fuzz_frame_LDADD = $(qmp_ldadd)
tests_fuzz_fuzz_message_SOURCES = tests/fuzz/fuzz_message.c tests/fuzz/replay.c
tests_fuzz_fuzz_message_LDADD = $(qmp_ldadd)
tests_fuzz_fuzz_agent_SOURCES = tests/fuzz/fuzz_agent.c tests/fuzz/replay.c
tests_fuzz_fuzz_agent_LDADD = $(qmp_ldadd)
tests_fuzz_fuzz_answer_SOURCES = tests/fuzz/fuzz_answer.c tests/fuzz/replay.c
tests_fuzz_fuzz_answer_LDADD = $(qmp_ldadd)
tests_fuzz_fuzz_schema_SOURCES = tests/fuzz/fuzz_schema.c tests/fuzz/replay.c
tests_fuzz_fuzz_schema_LDADD = $(qmp_ldadd)
tests_fuzz_fuzz_validate_SOURCES = tests/fuzz/fuzz_validate.c tests/fuzz/replay.c $(schema_file)
tests_fuzz_fuzz_validate_LDADD = $(qmp_ldadd)
EXTRA_DIST += tests/fuzz/corpus/scan tests/fuzz/corpus/frame tests/fuzz/corpus/message \
    tests/fuzz/corpus/agent tests/fuzz/corpus/answer tests/fuzz/corpus/schema tests/fuzz/corpus/validate
