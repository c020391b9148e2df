# fragment of acl/, included by Makefile.am
noinst_LIBRARIES += acl/libacl.a
acl_libacl_a_SOURCES = \
    acl/acl.h \
    acl/arguments.c acl/arguments.h \
    acl/arguments.def acl/arguments_block.def acl/arguments_chardev.def acl/arguments_common.def \
    acl/arguments_guest.def acl/arguments_machine.def acl/arguments_net.def acl/arguments_object.def \
    acl/bits.h \
    acl/classes.c acl/classes.h acl/classes.def acl/commands.def acl/events.def \
    acl/condition.c acl/condition_hold.c acl/condition.h \
    acl/delegate.c acl/delegate.h \
    acl/device.c acl/device.h acl/device.def \
    acl/dn.c acl/dn.h \
    acl/hmp.c acl/hmp.h acl/hmp.def \
    acl/index.c acl/index.h \
    acl/judge.c \
    acl/match.c acl/match.h \
    acl/order.c acl/order.h \
    acl/parse.c acl/parse_role.c acl/parse_internal.h \
    acl/path.c acl/path.h \
    acl/policy.c acl/policy.h \
    acl/principal.c acl/principal.h \
    acl/program.c acl/program.h \
    acl/reach.c acl/reach.h \
    acl/redact.c \
    acl/rights.c acl/rights_internal.h \
    acl/rule.c acl/rule.h \
    acl/sasl_pattern.c acl/sasl_pattern.h \
    acl/shape.c acl/shape.h acl/shape_find.c acl/shape_internal.h acl/shape_review.c \
    acl/shape_table.c acl/shape_table.h \
    acl/text.c acl/text.h \
    acl/uri_pattern.c acl/uri_pattern.h \
    acl/vmsel.c acl/vmsel.h

acl_ldadd = acl/libacl.a qmp/libqmpcore.a base/libbase.a $(CONFUSE_LIBS) $(GNUTLS_LIBS)

noinst_PROGRAMS += acl/print_arguments
acl_print_arguments_SOURCES = acl/print_arguments.c
acl_print_arguments_LDADD = $(acl_ldadd)

# policies and what they must answer, as text: tests/acl/README.md
check_PROGRAMS += tests/acl/run_cases
TESTS += tests/acl/run_cases
tests_acl_run_cases_SOURCES = tests/acl/run_cases.c tests/acl/cases.c tests/acl/cases.h
tests_acl_run_cases_LDADD = cli/libcli.a $(acl_ldadd)
EXTRA_DIST += \
    tests/acl/README.md \
    tests/acl/agent.policy tests/acl/agent.cases \
    tests/acl/bad.table \
    tests/acl/conditions.policy tests/acl/conditions.cases \
    tests/acl/example.cases \
    tests/acl/example-observer.cases tests/acl/example-tenant.cases tests/acl/example-migration.cases \
    tests/acl/identities.policy tests/acl/identities.cases \
    tests/acl/roles.policy tests/acl/roles.cases \
    tests/acl/subjects.policy tests/acl/subjects.cases

acl_unit_tests = tests/unit/test_principal tests/unit/test_classes tests/unit/test_rights tests/unit/test_rules tests/unit/test_judge \
    tests/unit/test_hmp tests/unit/test_device tests/unit/test_reach
check_PROGRAMS += $(acl_unit_tests)
TESTS += $(acl_unit_tests)
tests_unit_test_principal_SOURCES = tests/unit/test_principal.c
tests_unit_test_principal_LDADD = $(acl_ldadd) $(CMOCKA_LIBS)
tests_unit_test_classes_SOURCES = tests/unit/test_classes.c tests/acl/cases.c $(schema_file)
tests_unit_test_classes_LDADD = $(acl_ldadd) $(JSON_C_LIBS) $(CMOCKA_LIBS)
tests_unit_test_rights_SOURCES = tests/unit/test_rights.c tests/acl/cases.c
tests_unit_test_rights_LDADD = $(acl_ldadd) $(CMOCKA_LIBS)
tests_unit_test_judge_SOURCES = tests/unit/test_judge.c tests/acl/cases.c
tests_unit_test_judge_LDADD = $(acl_ldadd) $(CMOCKA_LIBS)
tests_unit_test_rules_SOURCES = tests/unit/test_rules.c tests/acl/cases.c
tests_unit_test_rules_LDADD = $(acl_ldadd) $(CMOCKA_LIBS)
tests_unit_test_reach_SOURCES = tests/unit/test_reach.c $(schema_file)
tests_unit_test_reach_LDADD = $(acl_ldadd) $(JSON_C_LIBS) $(CMOCKA_LIBS)

tests_unit_test_hmp_SOURCES = tests/unit/test_hmp.c
tests_unit_test_hmp_LDADD = $(acl_ldadd) $(CMOCKA_LIBS)
tests_unit_test_device_SOURCES = tests/unit/test_device.c tests/acl/cases.c
tests_unit_test_device_LDADD = $(acl_ldadd) $(CMOCKA_LIBS)

# conditions of rules, and what they are made of
# of which scripts/check-coverage wants every branch
policy_unit_tests = $(condition_unit_tests) tests/acl/run_cases tests/unit/test_judge tests/unit/test_rights \
    tests/unit/test_rules
condition_unit_tests = tests/unit/test_condition tests/unit/test_match tests/unit/test_path
check_PROGRAMS += $(condition_unit_tests)
TESTS += $(condition_unit_tests)
tests_unit_test_condition_SOURCES = tests/unit/test_condition.c
tests_unit_test_condition_LDADD = $(acl_ldadd) $(CMOCKA_LIBS)
tests_unit_test_match_SOURCES = tests/unit/test_match.c
tests_unit_test_match_LDADD = $(acl_ldadd) $(CMOCKA_LIBS)
tests_unit_test_path_SOURCES = tests/unit/test_path.c
tests_unit_test_path_LDADD = $(acl_ldadd) $(CMOCKA_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_condition
TESTS += tests/fuzz/fuzz_condition
tests_fuzz_fuzz_condition_SOURCES = tests/fuzz/fuzz_condition.c tests/fuzz/replay.c
tests_fuzz_fuzz_condition_LDADD = $(acl_ldadd)
EXTRA_DIST += tests/fuzz/corpus/condition

# What lines of the human monitor run: test_hmp.py asks it and a real QEMU.
check_PROGRAMS += tests/acl/hmp_lines
tests_acl_hmp_lines_SOURCES = tests/acl/hmp_lines.c
tests_acl_hmp_lines_LDADD = $(acl_ldadd)

# The table of device_add as lines: test_device_table.py holds it against a real QEMU.
check_PROGRAMS += tests/acl/device_table
tests_acl_device_table_SOURCES = tests/acl/device_table.c
tests_acl_device_table_LDADD = $(acl_ldadd)

check_PROGRAMS += tests/fuzz/fuzz_hmp tests/fuzz/fuzz_policy tests/fuzz/fuzz_principal
TESTS += tests/fuzz/fuzz_hmp tests/fuzz/fuzz_policy tests/fuzz/fuzz_principal
tests_fuzz_fuzz_hmp_SOURCES = tests/fuzz/fuzz_hmp.c tests/fuzz/replay.c
tests_fuzz_fuzz_hmp_LDADD = $(acl_ldadd)
check_PROGRAMS += tests/fuzz/fuzz_device
TESTS += tests/fuzz/fuzz_device
tests_fuzz_fuzz_device_SOURCES = tests/fuzz/fuzz_device.c tests/fuzz/replay.c
tests_fuzz_fuzz_device_LDADD = $(acl_ldadd)
check_PROGRAMS += tests/fuzz/fuzz_judge tests/fuzz/fuzz_reach
TESTS += tests/fuzz/fuzz_judge tests/fuzz/fuzz_reach
tests_fuzz_fuzz_judge_SOURCES = tests/fuzz/fuzz_judge.c tests/fuzz/replay.c
tests_fuzz_fuzz_judge_LDADD = $(acl_ldadd)
tests_fuzz_fuzz_reach_SOURCES = tests/fuzz/fuzz_reach.c tests/fuzz/replay.c $(schema_file)
tests_fuzz_fuzz_reach_LDADD = $(acl_ldadd)
tests_fuzz_fuzz_policy_SOURCES = tests/fuzz/fuzz_policy.c tests/fuzz/replay.c
tests_fuzz_fuzz_policy_LDADD = $(acl_ldadd)
tests_fuzz_fuzz_principal_SOURCES = tests/fuzz/fuzz_principal.c tests/fuzz/replay.c
tests_fuzz_fuzz_principal_LDADD = $(acl_ldadd)
EXTRA_DIST += tests/fuzz/corpus/hmp tests/fuzz/corpus/policy tests/fuzz/corpus/principal
EXTRA_DIST += tests/fuzz/corpus/device tests/fuzz/corpus/judge tests/fuzz/corpus/reach

# `make tests/bench/bench_acl`: figures, no test
EXTRA_PROGRAMS += tests/bench/bench_acl
tests_bench_bench_acl_SOURCES = tests/bench/bench_acl.c tests/acl/cases.c
tests_bench_bench_acl_LDADD = $(acl_ldadd)
EXTRA_PROGRAMS += tests/bench/bench_conditions
tests_bench_bench_conditions_SOURCES = tests/bench/bench_conditions.c tests/acl/cases.c
tests_bench_bench_conditions_LDADD = $(acl_ldadd)
