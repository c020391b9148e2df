# fragment of audit/, included by Makefile.am
noinst_LIBRARIES += audit/libaudit.a
audit_libaudit_a_SOURCES = \
    audit/arguments.c audit/arguments.h \
    audit/audit.h \
    audit/batch.c \
    audit/chain.c audit/chain.h \
    audit/file.c audit/file.h \
    audit/flusher.c \
    audit/internal.h \
    audit/line.c audit/line.h \
    audit/lock.c audit/lock.h \
    audit/rate.c audit/rate.h \
    audit/read.c audit/read.h \
    audit/record.c audit/record.h \
    audit/scrub.c \
    audit/secrets.c audit/secrets.h \
    audit/text.h \
    audit/writer.c

audit_ldadd = audit/libaudit.a qmp/libqmpcore.a base/libbase.a $(GNUTLS_LIBS) $(JSON_C_LIBS)
audit_unit_tests = tests/unit/test_audit_writer
check_PROGRAMS += $(audit_unit_tests)
TESTS += $(audit_unit_tests)
EXTRA_DIST += tests/unit/audit_fixture.h
tests_unit_test_audit_writer_SOURCES = tests/unit/test_audit_writer.c
tests_unit_test_audit_writer_LDADD = $(audit_ldadd) $(CMOCKA_LIBS)
