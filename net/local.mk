noinst_LIBRARIES += net/libnet.a
net_libnet_a_SOURCES = \
    net/address.c net/address.h \
    net/connect.c net/connect.h \
    net/listen.c \
    net/proxy_protocol.c net/proxy_protocol.h \
    net/stream.c net/stream.h net/stream_ops.h \
    net/tls.h net/tls_internal.h \
    net/tls_ca.c net/tls_context.c net/tls_known.c net/tls_known.h net/tls_session.c \
    net/tls_verify.c

tls_test_support = tests/unit/pki.c tests/unit/pki.h tests/unit/tls_pair.c tests/unit/tls_pair.h

check_PROGRAMS += tests/unit/test_tls
TESTS += tests/unit/test_tls
tests_unit_test_tls_SOURCES = tests/unit/test_tls.c $(tls_test_support)
tests_unit_test_tls_LDADD = net/libnet.a base/libbase.a $(GNUTLS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_tls_stream
TESTS += tests/unit/test_tls_stream
tests_unit_test_tls_stream_SOURCES = tests/unit/test_tls_stream.c $(tls_test_support)
tests_unit_test_tls_stream_LDADD = net/libnet.a base/libbase.a $(GNUTLS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_tls_tickets
TESTS += tests/unit/test_tls_tickets
tests_unit_test_tls_tickets_SOURCES = tests/unit/test_tls_tickets.c $(tls_test_support)
tests_unit_test_tls_tickets_LDADD = net/libnet.a base/libbase.a $(GNUTLS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_tls_context
TESTS += tests/unit/test_tls_context
tests_unit_test_tls_context_SOURCES = tests/unit/test_tls_context.c $(tls_test_support)
tests_unit_test_tls_context_LDADD = net/libnet.a base/libbase.a $(GNUTLS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_tls_known
TESTS += tests/unit/test_tls_known
tests_unit_test_tls_known_SOURCES = tests/unit/test_tls_known.c $(tls_test_support)
tests_unit_test_tls_known_LDADD = net/libnet.a base/libbase.a $(GNUTLS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_net
TESTS += tests/unit/test_net
tests_unit_test_net_SOURCES = tests/unit/test_net.c
tests_unit_test_net_LDADD = net/libnet.a base/libbase.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_proxy_protocol
TESTS += tests/unit/test_proxy_protocol
tests_unit_test_proxy_protocol_SOURCES = tests/unit/test_proxy_protocol.c
tests_unit_test_proxy_protocol_LDADD = net/libnet.a base/libbase.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_proxy_protocol
TESTS += tests/fuzz/fuzz_proxy_protocol
tests_fuzz_fuzz_proxy_protocol_SOURCES = tests/fuzz/fuzz_proxy_protocol.c tests/fuzz/replay.c
tests_fuzz_fuzz_proxy_protocol_LDADD = net/libnet.a base/libbase.a
EXTRA_DIST += tests/fuzz/corpus/proxy_protocol

# `make tests/bench/bench_tls`: figures, no test
EXTRA_PROGRAMS += tests/bench/bench_tls
tests_bench_bench_tls_SOURCES = tests/bench/bench_tls.c
tests_bench_bench_tls_LDADD = net/libnet.a base/libbase.a $(GNUTLS_LIBS)

check_PROGRAMS += tests/unit/test_tls_pkcs11
TESTS += tests/unit/test_tls_pkcs11
tests_unit_test_tls_pkcs11_SOURCES = tests/unit/test_tls_pkcs11.c $(tls_test_support)
tests_unit_test_tls_pkcs11_LDADD = net/libnet.a base/libbase.a $(GNUTLS_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_tls_binding
TESTS += tests/unit/test_tls_binding
tests_unit_test_tls_binding_SOURCES = tests/unit/test_tls_binding.c $(tls_test_support)
tests_unit_test_tls_binding_LDADD = net/libnet.a base/libbase.a $(GNUTLS_LIBS) $(CMOCKA_LIBS)
