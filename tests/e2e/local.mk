# The whole daemon, with real QEMUs and fake ones: make check-e2e [E2E='-k framing'].
# Needs Debian's pytest, that is /usr/bin/python3, and no root.
E2E =
PYTEST = $(PYTHON3) -B -m pytest -q -p no:cacheprovider

.PHONY: check-e2e
check-e2e: all $(check_PROGRAMS) $(check_DATA)
	QMPGATE_BUILD='$(abs_top_builddir)' $(PYTEST) '$(abs_top_srcdir)/tests/e2e' $(E2E)

EXTRA_DIST += \
    tests/e2e/conftest.py \
    tests/e2e/harness/__init__.py \
    tests/e2e/harness/arguments.py \
    tests/e2e/harness/audit.py tests/e2e/harness/audit_schema.py \
    tests/e2e/harness/client.py \
    tests/e2e/harness/disk.py \
    tests/e2e/harness/expect.py \
    tests/e2e/harness/fake.py \
    tests/e2e/harness/faults.py \
    tests/e2e/harness/gateway.py \
    tests/e2e/harness/guide.py \
    tests/e2e/harness/libvirt.py tests/e2e/harness/libvirt-system \
    tests/e2e/harness/login.py \
    tests/e2e/harness/pki.py \
    tests/e2e/harness/powercut.py \
    tests/e2e/harness/process.py \
    tests/e2e/harness/qdev.py \
    tests/e2e/harness/qemu.py \
    tests/e2e/harness/sasl.py \
    tests/e2e/harness/scripted_vm.py \
    tests/e2e/harness/seals.py \
    tests/e2e/harness/sinks.py \
    tests/e2e/harness/stall.py \
    tests/e2e/harness/token.py \
    tests/e2e/harness/wait.py \
    tests/e2e/harness/storm.py \
    tests/e2e/test_admin.py \
    tests/e2e/test_arguments.py \
    tests/e2e/test_attach_pending.py \
    tests/e2e/test_audit.py tests/e2e/test_audit_codes.py tests/e2e/test_audit_time.py \
    tests/e2e/test_audit_crash.py \
    tests/e2e/test_audit_disk.py \
    tests/e2e/test_audit_powercut.py \
    tests/e2e/test_audit_seals.py \
    tests/e2e/test_audit_segments.py \
    tests/e2e/test_blocking.py \
    tests/e2e/test_certs.py \
    tests/e2e/test_clients.py \
    tests/e2e/test_command_line.py \
    tests/e2e/test_device_table.py tests/e2e/test_devices.py tests/e2e/test_devices_plug.py \
    tests/e2e/test_differential.py \
    tests/e2e/test_docs.py \
    tests/e2e/test_drive.py \
    tests/e2e/test_expiry.py \
    tests/e2e/test_fake_monitor.py \
    tests/e2e/test_framing.py \
    tests/e2e/test_guides.py \
    tests/e2e/test_hmp.py \
    tests/e2e/test_introspection.py \
    tests/e2e/test_libqdev.py \
    tests/e2e/test_libvirt.py tests/e2e/test_libvirt_monitor.py tests/e2e/test_libvirt_faults.py tests/e2e/test_libvirt_move.py tests/e2e/test_libvirt_native.py \
    tests/e2e/test_libvirt_label.py tests/e2e/test_libvirt_restart.py tests/e2e/test_libvirt_system.py \
    tests/e2e/harness/installed.py \
    tests/e2e/harness/libqmp.py \
    tests/e2e/test_libraries.py \
    tests/e2e/test_libqmp.py tests/e2e/test_libqmp_gateway.py tests/e2e/test_libqmp_libvirt.py \
    tests/e2e/test_libqmp_login.py tests/e2e/test_libqmp_session.py \
    tests/e2e/test_libqmp_ways.py \
    tests/e2e/test_limits.py \
    tests/e2e/test_login.py \
    tests/e2e/test_malformed.py \
    tests/e2e/test_notify.py \
    tests/e2e/test_observer.py \
    tests/e2e/test_phases.py \
    tests/e2e/test_pinned_schema.py \
    tests/e2e/test_proxy_protocol.py \
    tests/e2e/test_refusal_detail.py \
    tests/e2e/test_reload.py \
    tests/e2e/test_sasl_parts.py \
    tests/e2e/test_secrets.py tests/e2e/test_policy_parts.py tests/e2e/test_policy_shadow.py tests/e2e/test_tenant.py \
    tests/e2e/test_session_end.py \
    tests/e2e/test_shutdown.py tests/e2e/test_sinks.py \
    tests/e2e/test_unix_listener.py \
    tests/e2e/test_vm_directory.py \
    tests/e2e/test_vm_faults.py \
    tests/e2e/test_vm_lost.py \
    tests/e2e/test_vm_uuid.py
