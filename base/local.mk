noinst_LIBRARIES += base/libbase.a
base_libbase_a_SOURCES = \
    base/base64.c base/base64.h \
    base/buf.c base/buf.h \
    base/cfglex.c base/cfglex.h \
    base/cfgtext.c base/cfgtext.h \
    base/clock.c base/clock.h \
    base/decimal.h \
    base/error.c base/error.h \
    base/glob.c base/glob.h \
    base/library.c base/library.h \
    base/limits.h \
    base/log.c base/log.h \
    base/mem.c base/mem.h \
    base/random.c base/random.h \
    base/secret.c base/secret.h \
    base/thread.c base/thread.h \
    base/uri.c base/uri.h \
    base/utf8.c base/utf8.h \
    base/util.h

check_PROGRAMS += tests/unit/test_cfgtext
TESTS += tests/unit/test_cfgtext
tests_unit_test_cfgtext_SOURCES = tests/unit/test_cfgtext.c
tests_unit_test_cfgtext_LDADD = base/libbase.a $(CONFUSE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_cfgtext
TESTS += tests/fuzz/fuzz_cfgtext
tests_fuzz_fuzz_cfgtext_SOURCES = tests/fuzz/fuzz_cfgtext.c tests/fuzz/replay.c
tests_fuzz_fuzz_cfgtext_LDADD = base/libbase.a $(CONFUSE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/cfgtext

check_PROGRAMS += tests/unit/test_base64
TESTS += tests/unit/test_base64
tests_unit_test_base64_SOURCES = tests/unit/test_base64.c
tests_unit_test_base64_LDADD = base/libbase.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_base64
TESTS += tests/fuzz/fuzz_base64
tests_fuzz_fuzz_base64_SOURCES = tests/fuzz/fuzz_base64.c tests/fuzz/replay.c
tests_fuzz_fuzz_base64_LDADD = base/libbase.a
EXTRA_DIST += tests/fuzz/corpus/base64

check_PROGRAMS += tests/fuzz/fuzz_uri
TESTS += tests/fuzz/fuzz_uri
tests_fuzz_fuzz_uri_SOURCES = tests/fuzz/fuzz_uri.c tests/fuzz/replay.c
tests_fuzz_fuzz_uri_LDADD = base/libbase.a
EXTRA_DIST += tests/fuzz/corpus/uri
