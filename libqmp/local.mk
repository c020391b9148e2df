# libqmp: the public library. Most of it is made by libqmp/generate from the pinned schema, at build
# time and by Python alone, into libqmp/gen. automake wants to know the modules before that.
libqmp_modules = \
    acpi authz block block-core block-export char common control crypto dump introspect job machine \
    machine-target migration misc misc-target net pci qdev qom rdma replay rocker run-state sockets \
    stats tpm trace transaction ui virtio yank
libqmp_gen_sources = libqmp/gen/events.c libqmp/gen/lists.c \
    libqmp/gen/acpi.c libqmp/gen/authz.c libqmp/gen/block.c libqmp/gen/block-core.c \
    libqmp/gen/block-export.c libqmp/gen/char.c libqmp/gen/common.c libqmp/gen/control.c \
    libqmp/gen/crypto.c libqmp/gen/dump.c libqmp/gen/introspect.c libqmp/gen/job.c \
    libqmp/gen/machine.c libqmp/gen/machine-target.c libqmp/gen/migration.c libqmp/gen/misc.c \
    libqmp/gen/misc-target.c libqmp/gen/net.c libqmp/gen/pci.c libqmp/gen/qdev.c libqmp/gen/qom.c \
    libqmp/gen/rdma.c libqmp/gen/replay.c libqmp/gen/rocker.c libqmp/gen/run-state.c \
    libqmp/gen/sockets.c libqmp/gen/stats.c libqmp/gen/tpm.c libqmp/gen/trace.c \
    libqmp/gen/transaction.c libqmp/gen/ui.c libqmp/gen/virtio.c libqmp/gen/yank.c
libqmp_gen_headers = libqmp/gen/include/libqmp/events.h libqmp/gen/include/libqmp/lists.h \
    libqmp/gen/include/libqmp/acpi.h libqmp/gen/include/libqmp/authz.h \
    libqmp/gen/include/libqmp/block.h libqmp/gen/include/libqmp/block-core.h \
    libqmp/gen/include/libqmp/block-export.h libqmp/gen/include/libqmp/char.h \
    libqmp/gen/include/libqmp/common.h libqmp/gen/include/libqmp/control.h \
    libqmp/gen/include/libqmp/crypto.h libqmp/gen/include/libqmp/dump.h \
    libqmp/gen/include/libqmp/introspect.h libqmp/gen/include/libqmp/job.h \
    libqmp/gen/include/libqmp/machine.h libqmp/gen/include/libqmp/machine-target.h \
    libqmp/gen/include/libqmp/migration.h libqmp/gen/include/libqmp/misc.h \
    libqmp/gen/include/libqmp/misc-target.h libqmp/gen/include/libqmp/net.h \
    libqmp/gen/include/libqmp/pci.h libqmp/gen/include/libqmp/qdev.h \
    libqmp/gen/include/libqmp/qom.h libqmp/gen/include/libqmp/rdma.h \
    libqmp/gen/include/libqmp/replay.h libqmp/gen/include/libqmp/rocker.h \
    libqmp/gen/include/libqmp/run-state.h libqmp/gen/include/libqmp/sockets.h \
    libqmp/gen/include/libqmp/stats.h libqmp/gen/include/libqmp/tpm.h \
    libqmp/gen/include/libqmp/trace.h libqmp/gen/include/libqmp/transaction.h \
    libqmp/gen/include/libqmp/ui.h libqmp/gen/include/libqmp/virtio.h \
    libqmp/gen/include/libqmp/yank.h
libqmp_generator = libqmp/generate libqmp/own.symbols \
    libqmp/generator/__init__.py libqmp/generator/headers.py libqmp/generator/layout.py libqmp/generator/manual.py \
    libqmp/generator/model.py \
    libqmp/generator/names.py libqmp/generator/probes.py libqmp/generator/symbols.py libqmp/generator/tables.py \
    libqmp/generator/text.py
EXTRA_DIST += $(libqmp_generator)

# The generator leaves alone what would not change, so that little is compiled anew.
libqmp_made = $(libqmp_gen_sources) $(libqmp_gen_headers) libqmp/gen/include/qmp.h libqmp/gen/types.h \
    libqmp/gen/layout.c libqmp/gen/probes.c libqmp/gen/libqmp.map
AM_V_QMPGEN = $(AM_V_QMPGEN_@AM_V@)
AM_V_QMPGEN_ = $(AM_V_QMPGEN_@AM_DEFAULT_V@)
AM_V_QMPGEN_0 = @echo "  GENERATE libqmp/gen";
libqmp/gen/stamp: $(libqmp_generator) $(schema_tools) $(pinned_schemas)
	$(AM_V_QMPGEN)$(MKDIR_P) libqmp/gen && $(PYTHON3) -B $(top_srcdir)/libqmp/generate --output . \
	    --modules "$(libqmp_modules)" $(addprefix $(top_srcdir)/,$(pinned_schemas)) && touch $@
$(libqmp_made): libqmp/gen/stamp
	@test -f $@ || { rm -f libqmp/gen/stamp && $(MAKE) libqmp/gen/stamp; }
BUILT_SOURCES += libqmp/gen/stamp
.PHONY: clean-libqmp
clean-libqmp:
	rm -rf libqmp/gen
clean-local: clean-libqmp

# All of it as objects, for tests that look inside.
noinst_LTLIBRARIES += libqmp/libqmpall.la
libqmp_libqmpall_la_CFLAGS = $(QG_CFLAGS) $(AX_PTHREAD_FLAGS) $(GNUTLS_CFLAGS) $(LIBVIRT_CFLAGS) \
    $(SASL_CFLAGS)
libqmp_libqmpall_la_LIBADD = $(GNUTLS_LIBS) $(SASL_LIBS)
libqmp_libqmpall_la_SOURCES = \
    libqmp/codec.h libqmp/codec_memory.c libqmp/codec_read.c libqmp/codec_write.c \
    libqmp/command.c libqmp/command.h \
    libqmp/event.c \
    libqmp/libvirt.h \
    libqmp/limits.h \
    libqmp/login.c libqmp/login.h \
    libqmp/object.c libqmp/object.h \
    libqmp/number.c libqmp/number.h \
    libqmp/password_file.c libqmp/password_file.h \
    libqmp/problem.c libqmp/problem.h \
    libqmp/relay.c libqmp/relay.h \
    libqmp/session.c libqmp/session_internal.h libqmp/session_attach.c libqmp/session_call.c \
    libqmp/session_connect.c libqmp/session_identify.c libqmp/session_open.c \
    libqmp/settings.c libqmp/settings.h \
    libqmp/tunnel.c \
    auth/sasl_client.c auth/sasl_library.c \
    net/address.c net/connect.c net/listen.c net/stream.c net/tls_ca.c net/tls_context.c \
    net/tls_known.c net/tls_session.c net/tls_verify.c \
    base/base64.c base/buf.c base/clock.c base/error.c base/library.c base/log.c base/mem.c base/random.c base/secret.c \
    base/thread.c base/utf8.c \
    qmp/frame.c qmp/message.c qmp/names.c qmp/scan.c qmp/scan_number.c qmp/scan_string.c \
    qmp/siphash.c qmp/tape.c qmp/uri.c qmp/write.c
if HAVE_LIBVIRT
libqmp_libqmpall_la_SOURCES += libqmp/libvirt.c libqmp/libvirt_api.c libqmp/libvirt_api.h
else
libqmp_libqmpall_la_SOURCES += libqmp/libvirt_none.c
endif
nodist_libqmp_libqmpall_la_SOURCES = $(libqmp_gen_sources)
$(libqmp_libqmpall_la_OBJECTS): libqmp/gen/stamp

# Interfaces: current:revision:age.
lib_LTLIBRARIES += libqmp/libqmp.la
libqmp_libqmp_la_SOURCES =
libqmp_libqmp_la_LIBADD = libqmp/libqmpall.la
libqmp_libqmp_la_LDFLAGS = $(QG_LDFLAGS) -no-undefined -version-info 0:0:0 \
    -Wl,--version-script=libqmp/gen/libqmp.map
libqmp_libqmp_la_DEPENDENCIES = libqmp/libqmpall.la libqmp/gen/libqmp.map

libqmpincludedir = $(includedir)/libqmp
libqmpinclude_HEADERS = libqmp/include/libqmp/base.h libqmp/include/libqmp/session.h
nodist_libqmpinclude_HEADERS = $(libqmp_gen_headers)
nodist_include_HEADERS += libqmp/gen/include/qmp.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = libqmp/libqmp.pc

# As many pages as there are commands: not named here.
install-data-local: install-libqmp-man
uninstall-local: uninstall-libqmp-man
.PHONY: install-libqmp-man uninstall-libqmp-man
install-libqmp-man: libqmp/gen/stamp
	$(MKDIR_P) '$(DESTDIR)$(man3dir)'
	$(INSTALL_DATA) libqmp/gen/man/*.3 '$(DESTDIR)$(man3dir)'
uninstall-libqmp-man:
	for p in libqmp/gen/man/*.3; do rm -f '$(DESTDIR)$(man3dir)'/"$${p##*/}"; done

# --- tests ---------------------------------------------------------------------------------------
# Every command and event behind one face.
noinst_LIBRARIES += libqmp/libqmpprobes.a
libqmp_libqmpprobes_a_SOURCES = tests/libqmp/probe.c tests/libqmp/probe.h tests/libqmp/probe_macros.h
nodist_libqmp_libqmpprobes_a_SOURCES = libqmp/gen/probes.c
$(libqmp_libqmpprobes_a_OBJECTS): libqmp/gen/stamp

# By the public library alone, as programs have it; a program itself, no script around it.
check_PROGRAMS += tests/libqmp/drive
tests_libqmp_drive_SOURCES = tests/libqmp/drive.c
tests_libqmp_drive_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_libqmp_drive_LDADD = libqmp/libqmpprobes.a libqmp/libqmp.la base/libbase.a
$(tests_libqmp_drive_OBJECTS): libqmp/gen/stamp
check_PROGRAMS += tests/libqmp/session_drive
tests_libqmp_session_drive_SOURCES = tests/libqmp/session_drive.c
tests_libqmp_session_drive_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_libqmp_session_drive_LDADD = libqmp/libqmpprobes.a libqmp/libqmp.la base/libbase.a
# A sanitizer looks for what it intercepts (of libtirpc) when the program begins, and calls NULL if
# that is loaded later: such a program must have libvirt from the beginning.
if SANITIZED
if HAVE_LIBVIRT
tests_libqmp_session_drive_LDADD += $(LIBVIRT_LIBS)
endif
endif
$(tests_libqmp_session_drive_OBJECTS): libqmp/gen/stamp
TESTS += tests/libqmp/test_commands tests/libqmp/test_abi tests/libqmp/test_headers
EXTRA_DIST += tests/libqmp/commands.py tests/libqmp/newer.py \
    tests/libqmp/test_abi tests/libqmp/test_commands tests/libqmp/test_headers

libqmp_unit_tests = tests/unit/test_libqmp tests/unit/test_libqmp_login
check_PROGRAMS += $(libqmp_unit_tests)
TESTS += $(libqmp_unit_tests)
tests_unit_test_libqmp_SOURCES = tests/unit/test_libqmp.c
tests_unit_test_libqmp_LDADD = libqmp/libqmpall.la $(CMOCKA_LIBS)
tests_unit_test_libqmp_login_SOURCES = tests/unit/test_libqmp_login.c
tests_unit_test_libqmp_login_LDADD = libqmp/libqmpall.la $(CMOCKA_LIBS)
$(tests_unit_test_libqmp_OBJECTS) $(tests_unit_test_libqmp_login_OBJECTS): libqmp/gen/stamp

libqmp_fuzz = tests/fuzz/fuzz_event tests/fuzz/fuzz_open tests/fuzz/fuzz_reply tests/fuzz/fuzz_session
check_PROGRAMS += $(libqmp_fuzz)
TESTS += $(libqmp_fuzz)
tests_fuzz_fuzz_event_SOURCES = tests/fuzz/fuzz_event.c tests/fuzz/replay.c
tests_fuzz_fuzz_event_LDADD = libqmp/libqmpprobes.a libqmp/libqmpall.la
tests_fuzz_fuzz_open_SOURCES = tests/fuzz/fuzz_open.c tests/fuzz/replay.c
tests_fuzz_fuzz_open_LDADD = libqmp/libqmpall.la
tests_fuzz_fuzz_reply_SOURCES = tests/fuzz/fuzz_reply.c tests/fuzz/replay.c
tests_fuzz_fuzz_reply_LDADD = libqmp/libqmpprobes.a libqmp/libqmpall.la
tests_fuzz_fuzz_session_SOURCES = tests/fuzz/fuzz_session.c tests/fuzz/replay.c
tests_fuzz_fuzz_session_LDADD = libqmp/libqmpall.la
$(tests_fuzz_fuzz_event_OBJECTS) $(tests_fuzz_fuzz_open_OBJECTS) $(tests_fuzz_fuzz_reply_OBJECTS) $(tests_fuzz_fuzz_session_OBJECTS): libqmp/gen/stamp
EXTRA_DIST += tests/fuzz/corpus/event tests/fuzz/corpus/open tests/fuzz/corpus/reply tests/fuzz/corpus/session

EXTRA_PROGRAMS += tests/bench/bench_libqmp
tests_bench_bench_libqmp_SOURCES = tests/bench/bench_libqmp.c
tests_bench_bench_libqmp_LDADD = libqmp/libqmpall.la libqdev/libqdevall.la
$(tests_bench_bench_libqmp_OBJECTS): libqmp/gen/stamp
