# cli/: the command line. All but main() is a library, so that tests can have it.
noinst_LIBRARIES += cli/libcli.a
cli_libcli_a_SOURCES = \
    cli/arguments.c cli/arguments.h \
    cli/cli.c cli/cli.h \
    cli/connect.c cli/connect.h \
    cli/document.c cli/document.h \
    cli/output.c cli/output.h \
    cli/session.c cli/session.h \
    cli/uri.c cli/uri.h \
    cli/words.c

cli_libraries = cli/libcli.a net/libnet.a qmp/libqmpcore.a base/libbase.a \
    $(GNUTLS_LIBS) $(JSON_C_LIBS) $(LIBEDIT_LIBS)


check_PROGRAMS += tests/unit/test_cli
TESTS += tests/unit/test_cli
tests_unit_test_cli_SOURCES = tests/unit/test_cli.c
tests_unit_test_cli_LDADD = $(cli_libraries) $(CMOCKA_LIBS)
