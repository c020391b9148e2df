noinst_LIBRARIES += auth/libauth.a
auth_libauth_a_SOURCES = auth/identity.c auth/identity.h

check_PROGRAMS += tests/unit/test_identity
TESTS += tests/unit/test_identity
tests_unit_test_identity_SOURCES = tests/unit/test_identity.c tests/unit/pki.c tests/unit/pki.h
tests_unit_test_identity_LDADD = auth/libauth.a base/libbase.a $(GNUTLS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_identity
TESTS += tests/fuzz/fuzz_identity
tests_fuzz_fuzz_identity_SOURCES = tests/fuzz/fuzz_identity.c tests/fuzz/replay.c
tests_fuzz_fuzz_identity_LDADD = auth/libauth.a base/libbase.a $(GNUTLS_LIBS)
EXTRA_DIST += tests/fuzz/corpus/identity
