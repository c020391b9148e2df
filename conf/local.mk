noinst_LIBRARIES += conf/libconf.a
conf_libconf_a_SOURCES = \
    conf/check.c \
    conf/conf.c conf/conf.h \
    conf/form.c conf/form.h \
    conf/load.c conf/loader.h \
    conf/option_table.c conf/option_table.h \
    conf/outline.c \
    conf/read.c \
    conf/value.c conf/value.h
conf_libs = conf/libconf.a base/libbase.a $(CONFUSE_LIBS)

check_PROGRAMS += tests/unit/test_conf
TESTS += tests/unit/test_conf
tests_unit_test_conf_SOURCES = tests/unit/test_conf.c
tests_unit_test_conf_LDADD = $(conf_libs) $(CMOCKA_LIBS)
EXTRA_DIST += tests/conf

check_PROGRAMS += tests/fuzz/fuzz_conf
TESTS += tests/fuzz/fuzz_conf
tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c tests/fuzz/replay.c
tests_fuzz_fuzz_conf_LDADD = $(conf_libs)
EXTRA_DIST += tests/fuzz/corpus/conf
EXTRA_DIST += conf/examples/qmpgate.conf
