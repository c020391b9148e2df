# A room's own fragment names its unit tests and fuzz harnesses; here is what they share.
#   unit test:  check_PROGRAMS += tests/unit/test_X      TESTS += tests/unit/test_X
#   fuzz:       check_PROGRAMS += tests/fuzz/fuzz_X      TESTS += tests/fuzz/fuzz_X
#               tests_fuzz_fuzz_X_SOURCES = tests/fuzz/fuzz_X.c tests/fuzz/replay.c
# `make check` replays the corpus in tests/fuzz/corpus/X; `make fuzz` explores (scripts/fuzz).
AM_TESTS_ENVIRONMENT = abs_top_srcdir='$(abs_top_srcdir)' abs_top_builddir='$(abs_top_builddir)'; \
    export abs_top_srcdir abs_top_builddir;
check_PROGRAMS += tests/unit/test_base
TESTS += tests/unit/test_base
tests_unit_test_base_SOURCES = tests/unit/test_base.c
tests_unit_test_base_LDADD = base/libbase.a $(CMOCKA_LIBS)
EXTRA_DIST += tests/fuzz/fuzz.h tests/unit/unit.h tests/tsan.supp

include tests/fake/local.mk
include tests/e2e/local.mk
include tests/bench/local.mk
