noinst_LIBRARIES += qmp/libqmpcore.a
qmp_libqmpcore_a_SOURCES = \
    qmp/frame.h \
    qmp/message.h \
    qmp/names.c qmp/names.h \
    qmp/scan.c qmp/scan.h qmp/scan_internal.h qmp/scan_number.c qmp/scan_string.c \
    qmp/schema.h \
    qmp/tape.c qmp/tape.h \
    qmp/write.h

qmp_ldadd = qmp/libqmpcore.a base/libbase.a $(JSON_C_LIBS)
qmp_unit_tests = tests/unit/test_scan
check_PROGRAMS += $(qmp_unit_tests)
TESTS += $(qmp_unit_tests)
tests_unit_test_scan_SOURCES = tests/unit/test_scan.c
tests_unit_test_scan_LDADD = $(qmp_ldadd) $(CMOCKA_LIBS)
