# The daemon. All but main.c is in a library, so that unit tests can take parts of it.
noinst_LIBRARIES += proxy/libproxy.a
proxy_libproxy_a_SOURCES = \
    proxy/attach.c proxy/attach.h \
    proxy/audit_watch.c proxy/audit_watch.h \
    proxy/backend.h proxy/backend_socket.c \
    proxy/caller.h \
    proxy/client.c proxy/client.h proxy/client_input.c proxy/client_internal.h proxy/client_move.c \
    proxy/client_output.c \
    proxy/client_admit.c proxy/client_admit.h \
    proxy/daemon.c proxy/daemon.h \
    proxy/dispatch.c proxy/dispatch.h \
    proxy/emulators.c proxy/emulators.h \
    proxy/expiry.c proxy/expiry.h \
    proxy/fairqueue.c proxy/fairqueue.h \
    proxy/gateway.c proxy/gateway.h proxy/gateway_admin.c proxy/gateway_logins.c proxy/gateway_schema.c \
    proxy/inbox.c proxy/inbox.h \
    proxy/keeping.c proxy/keeping.h \
    proxy/libvirt_hosts.h \
    proxy/libvirt_labels.c proxy/libvirt_labels.h \
    proxy/listener.c proxy/listener.h \
    proxy/delegation.c proxy/delegation.h \
    proxy/login.c proxy/login.h \
    proxy/login_backoff.c proxy/login_backoff.h \
    proxy/loop.c proxy/loop.h \
    proxy/monitor.c proxy/monitor.h proxy/monitor_cut_off.c proxy/monitor_gone.c \
    proxy/monitor_move.c \
    proxy/monitor_start.c proxy/monitor_start.h \
    proxy/offload.c proxy/offload.h \
    proxy/pools.c proxy/pools.h \
    proxy/privileges.c proxy/privileges.h \
    proxy/redaction.c proxy/redaction.h \
    proxy/registry.c proxy/registry.h \
    proxy/reload.c proxy/reload.h \
    proxy/request.c proxy/request.h \
    proxy/service.c proxy/service.h \
    proxy/session.c proxy/session.h \
    proxy/sinks.c proxy/sinks.h \
    proxy/snapshot.c proxy/snapshot.h \
    proxy/stats.h \
    proxy/vm_board.c proxy/vm_board.h \
    proxy/vm_directory.c proxy/vm_directory.h \
    proxy/vm_domains.c proxy/vm_domains.h \
    proxy/vm_socket.c proxy/vm_socket.h \
    proxy/vms.c proxy/vms.h \
    proxy/worker.c proxy/worker.h

if HAVE_LIBVIRT
proxy_libproxy_a_SOURCES += \
    proxy/backend_agent.c proxy/backend_libvirt.c proxy/libvirt_backend.c proxy/libvirt_backend.h \
    proxy/libvirt_agent.c proxy/libvirt_agent.h \
    proxy/libvirt_calls.c proxy/libvirt_calls.h \
    proxy/libvirt_domain.c proxy/libvirt_domain.h \
    proxy/libvirt_events.c proxy/libvirt_events.h \
    proxy/libvirt_host.c proxy/libvirt_host.h \
    proxy/libvirt_hosts.c \
    proxy/libvirt_tap.c proxy/libvirt_tap.h
else
proxy_libproxy_a_SOURCES += proxy/libvirt_none.c
endif

# what whatever is linked with libproxy.a takes
proxy_ldadd = \
    proxy/libproxy.a conf/libconf.a audit/libaudit.a acl/libacl.a auth/libauth.a net/libnet.a \
    qmp/libqmpcore.a base/libbase.a \
    $(EVENT_LIBS) $(GNUTLS_LIBS) $(SASL_LIBS) $(CONFUSE_LIBS) $(JSON_C_LIBS) $(SYSTEMD_LIBS) $(ZSTD_LIBS) \
    $(LIBVIRT_LIBS)

sbin_PROGRAMS += proxy/qmpgated
proxy_qmpgated_SOURCES = proxy/main.c
proxy_qmpgated_LDADD = $(proxy_ldadd)

proxy_unit_tests = \
    tests/unit/test_emulators tests/unit/test_fairqueue tests/unit/test_libvirt_labels tests/unit/test_login_backoff tests/unit/test_offload \
    tests/unit/test_registry tests/unit/test_reload tests/unit/test_vm_board tests/unit/test_vm_domains tests/unit/test_vms
check_PROGRAMS += $(proxy_unit_tests)
TESTS += $(proxy_unit_tests)
tests_unit_test_emulators_SOURCES = tests/unit/test_emulators.c
tests_unit_test_emulators_LDADD = $(proxy_ldadd) $(CMOCKA_LIBS)
tests_unit_test_fairqueue_SOURCES = tests/unit/test_fairqueue.c
tests_unit_test_fairqueue_LDADD = $(proxy_ldadd) $(CMOCKA_LIBS)
tests_unit_test_libvirt_labels_SOURCES = tests/unit/test_libvirt_labels.c
tests_unit_test_libvirt_labels_LDADD = $(proxy_ldadd) $(CMOCKA_LIBS)
tests_unit_test_login_backoff_SOURCES = tests/unit/test_login_backoff.c
tests_unit_test_login_backoff_LDADD = $(proxy_ldadd) $(CMOCKA_LIBS)
tests_unit_test_offload_SOURCES = tests/unit/test_offload.c
tests_unit_test_offload_LDADD = $(proxy_ldadd) $(CMOCKA_LIBS)
tests_unit_test_registry_SOURCES = tests/unit/test_registry.c
tests_unit_test_registry_LDADD = $(proxy_ldadd) $(CMOCKA_LIBS)
tests_unit_test_reload_SOURCES = tests/unit/test_reload.c
tests_unit_test_reload_LDADD = $(proxy_ldadd) $(CMOCKA_LIBS)
tests_unit_test_vm_board_SOURCES = tests/unit/test_vm_board.c
tests_unit_test_vm_board_LDADD = $(proxy_ldadd) $(CMOCKA_LIBS)
tests_unit_test_vm_domains_SOURCES = tests/unit/test_vm_domains.c
tests_unit_test_vm_domains_LDADD = $(proxy_ldadd) $(CMOCKA_LIBS)
tests_unit_test_vms_SOURCES = tests/unit/test_vms.c
tests_unit_test_vms_LDADD = $(proxy_ldadd) $(CMOCKA_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_emulator
TESTS += tests/fuzz/fuzz_emulator
tests_fuzz_fuzz_emulator_SOURCES = tests/fuzz/fuzz_emulator.c tests/fuzz/replay.c
tests_fuzz_fuzz_emulator_LDADD = $(proxy_ldadd)
EXTRA_DIST += tests/fuzz/corpus/emulator

check_PROGRAMS += tests/fuzz/fuzz_libvirt_labels
TESTS += tests/fuzz/fuzz_libvirt_labels
tests_fuzz_fuzz_libvirt_labels_SOURCES = tests/fuzz/fuzz_libvirt_labels.c tests/fuzz/replay.c
tests_fuzz_fuzz_libvirt_labels_LDADD = $(proxy_ldadd)
EXTRA_DIST += tests/fuzz/corpus/libvirt_labels
