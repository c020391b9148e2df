# cli/: the command line. All but main() is a library, so that tests can have it.
noinst_LIBRARIES += cli/libcli.a
cli_libcli_a_SOURCES = \
    cli/arguments.c cli/arguments.h \
    cli/audit.h \
    cli/audit_print.c cli/audit_print.h \
    cli/audit_record.c cli/audit_record.h \
    cli/audit_scan.c cli/audit_scan.h \
    cli/audit_session.c cli/audit_session.h \
    cli/audit_show.c \
    cli/audit_stats.c cli/audit_stats.h \
    cli/audit_time.c cli/audit_time.h \
    cli/audit_verify.c \
    cli/catalogue.c cli/catalogue.h \
    cli/cli.c cli/cli.h \
    cli/complete.c cli/complete.h \
    cli/devices.c cli/devices.h \
    cli/document.c cli/document.h \
    cli/event_line.c cli/event_line.h \
    cli/file.c cli/file.h \
    cli/label.h \
    cli/line_editor.c cli/line_editor.h \
    cli/output.c cli/output.h \
    cli/password.c cli/password.h \
    cli/policy.c cli/policy.h \
    cli/policy_cases.c cli/policy_cases.h \
    cli/policy_check.c \
    cli/policy_coverage.c cli/policy_coverage.h \
    cli/policy_diff.c \
    cli/policy_drift.c \
    cli/policy_drift_types.c cli/policy_drift_types.h \
    cli/policy_effective.c cli/policy_effective_show.c cli/policy_effective_show.h \
    cli/policy_explain.c \
    cli/policy_learn.c \
    cli/policy_learned.c cli/policy_learned.h \
    cli/policy_learned_write.c \
    cli/policy_lint.c cli/policy_lint.h \
    cli/policy_lint_reach.c \
    cli/policy_lint_when.c cli/policy_lint_internal.h \
    cli/policy_people.c cli/policy_people.h \
    cli/policy_places.c cli/policy_places.h \
    cli/policy_sample.c cli/policy_sample.h \
    cli/policy_subject.c cli/policy_subject.h \
    cli/policy_summary.c cli/policy_summary.h \
    cli/policy_test.c \
    cli/session.c cli/session.h \
    cli/shell.h cli/shell_builtin.c \
    cli/tool.c cli/tool.h \
    cli/verb_audit.c \
    cli/verb_bridge.c \
    cli/verb_ctl.c \
    cli/verb_devices.c \
    cli/verb_events.c \
    cli/verb_exec.c \
    cli/verb_explain.c \
    cli/verb_label.c \
    cli/verb_policy.c \
    cli/verb_shell.c \
    cli/verb_vms.c \
    cli/verb_whoami.c \
    cli/verdict.c cli/verdict.h \
    cli/words.c

if HAVE_LIBVIRT
cli_libcli_a_SOURCES += cli/label.c cli/libvirt.c cli/libvirt.h
else
cli_libcli_a_SOURCES += cli/label_none.c
endif

cli_libcli_a_CPPFLAGS = $(AM_CPPFLAGS) -DPKGDATADIR='"$(pkgdatadir)"'

# Of proxy and conf only what the labels in a domain's metadata look like: label.c.
cli_libraries = cli/libcli.a libqmp/libqmpall.la libqdev/libqdevall.la proxy/libproxy.a conf/libconf.a auth/libauth.a acl/libacl.a \
    audit/libaudit.a net/libnet.a qmp/libqmpcore.a base/libbase.a $(CONFUSE_LIBS) $(SASL_LIBS) $(GNUTLS_LIBS) $(JSON_C_LIBS) \
    $(LIBEDIT_LIBS) $(ZSTD_LIBS)

# What `qmpgate policy` checks by where no schema is given.
dist_pkgdata_DATA += tests/data/schema-7.2.json

bin_PROGRAMS += cli/qmpgate
cli_qmpgate_SOURCES = cli/main.c
cli_qmpgate_LDADD = $(cli_libraries) -lm
# libvirt is loaded when it is wanted; under a sanitizer that is too late: libqmp/local.mk says why.
if SANITIZED
if HAVE_LIBVIRT
cli_qmpgate_LDADD += $(LIBVIRT_LIBS)
endif
endif

check_PROGRAMS += tests/unit/test_cli tests/unit/test_cli_complete
TESTS += tests/unit/test_cli tests/unit/test_cli_complete
tests_unit_test_cli_SOURCES = tests/unit/test_cli.c
tests_unit_test_cli_LDADD = $(cli_libraries) $(CMOCKA_LIBS)
tests_unit_test_cli_complete_SOURCES = tests/unit/test_cli_complete.c
tests_unit_test_cli_complete_LDADD = $(cli_libraries) $(CMOCKA_LIBS)

EXTRA_DIST += \
    tests/e2e/harness/cli.py \
    tests/e2e/harness/cli_fixtures.py \
    tests/e2e/harness/scripted.py \
    tests/e2e/test_cli.py \
    tests/e2e/test_cli_bridge.py \
    tests/e2e/test_cli_gateway.py \
    tests/e2e/test_cli_login.py \
    tests/e2e/test_cli_qmpgated.py \
    tests/e2e/test_cli_shell.py \
    tests/e2e/harness/auditlog.py \
    tests/e2e/test_audit_show.py \
    tests/e2e/test_audit_verify.py \
    tests/e2e/test_policy_tools.py

check_PROGRAMS += tests/fuzz/fuzz_cli_uri tests/fuzz/fuzz_cli_arguments tests/fuzz/fuzz_audit_show
TESTS += tests/fuzz/fuzz_cli_uri tests/fuzz/fuzz_cli_arguments tests/fuzz/fuzz_audit_show
tests_fuzz_fuzz_cli_uri_SOURCES = tests/fuzz/fuzz_cli_uri.c tests/fuzz/replay.c
tests_fuzz_fuzz_cli_uri_LDADD = $(cli_libraries)
tests_fuzz_fuzz_cli_arguments_SOURCES = tests/fuzz/fuzz_cli_arguments.c tests/fuzz/replay.c
tests_fuzz_fuzz_cli_arguments_LDADD = $(cli_libraries)
tests_fuzz_fuzz_audit_show_SOURCES = tests/fuzz/fuzz_audit_show.c tests/fuzz/replay.c
tests_fuzz_fuzz_audit_show_LDADD = $(cli_libraries)
EXTRA_DIST += tests/fuzz/corpus/cli_uri tests/fuzz/corpus/cli_arguments tests/fuzz/corpus/audit_show

check_PROGRAMS += tests/fuzz/fuzz_policy_learn
TESTS += tests/fuzz/fuzz_policy_learn
tests_fuzz_fuzz_policy_learn_SOURCES = tests/fuzz/fuzz_policy_learn.c tests/fuzz/replay.c \
    tests/acl/cases.c
tests_fuzz_fuzz_policy_learn_LDADD = $(cli_libraries) -lm
EXTRA_DIST += tests/fuzz/corpus/policy_learn

check_PROGRAMS += tests/unit/test_policy_tools
TESTS += tests/unit/test_policy_tools
tests_unit_test_policy_tools_SOURCES = tests/unit/test_policy_tools.c tests/acl/cases.c
tests_unit_test_policy_tools_LDADD = $(cli_libraries) -lm $(CMOCKA_LIBS)
