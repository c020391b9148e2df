# make bench [BENCH='--rounds 3']: the gateway beside its peers, in one run.
if HAVE_OPENSSL
check_PROGRAMS += tests/bench/load
endif
tests_bench_load_SOURCES = \
    tests/bench/client.c \
    tests/bench/load.c tests/bench/load.h \
    tests/bench/options.c \
    tests/bench/transport.c
tests_bench_load_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
tests_bench_load_LDADD = base/libbase.a $(OPENSSL_LIBS)

if HAVE_LIBVIRT
check_PROGRAMS += tests/bench/libvirt_calls
endif
tests_bench_libvirt_calls_SOURCES = tests/bench/libvirt_calls.c
tests_bench_libvirt_calls_LDADD = base/libbase.a $(LIBVIRT_LIBS)

BENCH =
# programs without peers, that print what a part costs
bench_parts = tests/bench/bench_acl tests/bench/bench_conditions tests/bench/bench_audit_verify
.PHONY: bench
bench: all $(check_PROGRAMS) $(check_DATA) $(bench_parts) tests/bench/bench_libqmp
	@for p in $(bench_parts); do abs_top_srcdir='$(abs_top_srcdir)' $$p || exit; done
	QMPGATE_BUILD='$(abs_top_builddir)' $(PYTHON3) -B '$(abs_top_srcdir)/tests/bench/libqmp.py'
	QMPGATE_BUILD='$(abs_top_builddir)' $(PYTHON3) -B '$(abs_top_srcdir)/tests/bench/run.py' $(BENCH)

EXTRA_DIST += tests/bench/README.md tests/bench/alike.py tests/bench/attach_times.py tests/bench/libqmp.py tests/bench/libvirt.py tests/bench/login_times.py \
    tests/bench/logins.py tests/bench/peers.py tests/bench/run.py
