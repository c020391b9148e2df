noinst_LIBRARIES += net/libnet.a
net_libnet_a_SOURCES = \
    net/address.c net/address.h \
    net/listen.c \
    net/proxy_protocol.c net/proxy_protocol.h \
    net/stream.c net/stream.h net/stream_ops.h \
    net/tls.h net/tls_internal.h \
    net/tls_ca.c net/tls_context.c net/tls_session.c net/tls_verify.c

tls_test_support = tests/unit/pki.c tests/unit/pki.h tests/unit/tls_pair.c tests/unit/tls_pair.h

check_PROGRAMS += tests/unit/test_tls
TESTS += tests/unit/test_tls
tests_unit_test_tls_SOURCES = tests/unit/test_tls.c $(tls_test_support)
tests_unit_test_tls_LDADD = net/libnet.a base/libbase.a $(GNUTLS_LIBS) $(CMOCKA_LIBS)
