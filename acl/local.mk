# fragment of acl/, included by Makefile.am
noinst_LIBRARIES += acl/libacl.a
acl_libacl_a_SOURCES = \
    acl/acl.h \
    acl/bits.h \
    acl/classes.c acl/classes.h acl/classes.def acl/commands.def acl/events.def \
    acl/dn.c acl/dn.h \
    acl/index.c acl/index.h \
    acl/order.c acl/order.h \
    acl/parse.c \
    acl/policy.c acl/policy.h \
    acl/principal.c acl/principal.h \
    acl/program.c acl/program.h \
    acl/rights.c \
    acl/rule.c acl/rule.h \
    acl/text.c acl/text.h \
    acl/vmsel.c acl/vmsel.h

acl_ldadd = acl/libacl.a qmp/libqmpcore.a base/libbase.a $(CONFUSE_LIBS) $(GNUTLS_LIBS)

# policies and what they must answer, as text: tests/acl/README.md
check_PROGRAMS += tests/acl/run_cases
TESTS += tests/acl/run_cases
tests_acl_run_cases_SOURCES = tests/acl/run_cases.c tests/acl/cases.c tests/acl/cases.h
tests_acl_run_cases_LDADD = $(acl_ldadd)
EXTRA_DIST += \
    tests/acl/README.md \
    tests/acl/bad.table \
    tests/acl/roles.policy tests/acl/roles.cases
