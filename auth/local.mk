noinst_LIBRARIES += auth/libauth.a
auth_libauth_a_SOURCES = \
    auth/attributes.c auth/attributes.h \
    auth/identity.c auth/identity.h \
    auth/name_text.c auth/name_text.h \
    auth/sasl.h auth/sasl_internal.h \
    auth/sasl_client.c auth/sasl_client.h \
    auth/sasl_decoy.c auth/sasl_library.c auth/sasl_process.c auth/sasl_server.c \
    auth/sasl_name.c auth/sasl_name.h \
    auth/saslauthd.c auth/saslauthd.h

check_PROGRAMS += tests/unit/test_identity
TESTS += tests/unit/test_identity
tests_unit_test_identity_SOURCES = tests/unit/test_identity.c tests/unit/pki.c tests/unit/pki.h
tests_unit_test_identity_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getgrouplist,--wrap=getgrgid_r
tests_unit_test_identity_LDADD = auth/libauth.a base/libbase.a $(GNUTLS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_sasl_name
TESTS += tests/unit/test_sasl_name
tests_unit_test_sasl_name_SOURCES = tests/unit/test_sasl_name.c
tests_unit_test_sasl_name_LDADD = auth/libauth.a base/libbase.a $(GNUTLS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_identity
TESTS += tests/fuzz/fuzz_identity
tests_fuzz_fuzz_identity_SOURCES = tests/fuzz/fuzz_identity.c tests/fuzz/replay.c
tests_fuzz_fuzz_identity_LDADD = auth/libauth.a base/libbase.a $(GNUTLS_LIBS)
EXTRA_DIST += tests/fuzz/corpus/identity

check_PROGRAMS += tests/fuzz/fuzz_sasl_name
TESTS += tests/fuzz/fuzz_sasl_name
tests_fuzz_fuzz_sasl_name_SOURCES = tests/fuzz/fuzz_sasl_name.c tests/fuzz/replay.c
tests_fuzz_fuzz_sasl_name_LDADD = auth/libauth.a base/libbase.a $(GNUTLS_LIBS)
EXTRA_DIST += tests/fuzz/corpus/sasl_name

check_PROGRAMS += tests/fuzz/fuzz_sasl_login
TESTS += tests/fuzz/fuzz_sasl_login
tests_fuzz_fuzz_sasl_login_SOURCES = tests/fuzz/fuzz_sasl_login.c tests/fuzz/replay.c
tests_fuzz_fuzz_sasl_login_LDADD = auth/libauth.a base/libbase.a $(SASL_LIBS) $(GNUTLS_LIBS)
EXTRA_DIST += tests/fuzz/corpus/sasl_login

check_PROGRAMS += tests/unit/test_sasl
TESTS += tests/unit/test_sasl
tests_unit_test_sasl_SOURCES = tests/unit/test_sasl.c tests/unit/sasl_db.c tests/unit/sasl_db.h
tests_unit_test_sasl_LDADD = auth/libauth.a base/libbase.a $(SASL_LIBS) $(GNUTLS_LIBS) \
    $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_sasl_shared
TESTS += tests/unit/test_sasl_shared
tests_unit_test_sasl_shared_SOURCES = tests/unit/test_sasl_shared.c
tests_unit_test_sasl_shared_LDADD = auth/libauth.a base/libbase.a $(SASL_LIBS) $(GNUTLS_LIBS) \
    $(CMOCKA_LIBS)

# both halves against real daemons: tests/e2e/test_sasl_parts.py
check_PROGRAMS += tests/sasl/sasl_drive
tests_sasl_sasl_drive_SOURCES = tests/sasl/sasl_drive.c
tests_sasl_sasl_drive_LDADD = auth/libauth.a base/libbase.a $(SASL_LIBS) $(GNUTLS_LIBS)
