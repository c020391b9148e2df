# The daemon. All but main.c is in a library, so that unit tests can take parts of it.
noinst_LIBRARIES += proxy/libproxy.a
proxy_libproxy_a_SOURCES = \
    proxy/attach.c proxy/attach.h \
    proxy/backend.h proxy/backend_socket.c \
    proxy/caller.h \
    proxy/client.c proxy/client.h \
    proxy/client_admit.c proxy/client_admit.h \
    proxy/daemon.c proxy/daemon.h \
    proxy/dispatch.c proxy/dispatch.h \
    proxy/expiry.c proxy/expiry.h \
    proxy/fairqueue.c proxy/fairqueue.h \
    proxy/gateway.c proxy/gateway.h proxy/gateway_admin.c proxy/gateway_schema.c \
    proxy/inbox.c proxy/inbox.h \
    proxy/listener.c proxy/listener.h \
    proxy/loop.c proxy/loop.h \
    proxy/monitor.c proxy/monitor.h proxy/monitor_start.c proxy/monitor_start.h \
    proxy/privileges.c proxy/privileges.h \
    proxy/registry.c proxy/registry.h \
    proxy/reload.c proxy/reload.h \
    proxy/request.c proxy/request.h \
    proxy/service.c proxy/service.h \
    proxy/session.c proxy/session.h \
    proxy/snapshot.c proxy/snapshot.h \
    proxy/stats.h \
    proxy/vm_board.c proxy/vm_board.h \
    proxy/vm_directory.c proxy/vm_directory.h \
    proxy/vms.c proxy/vms.h \
    proxy/worker.c proxy/worker.h

sbin_PROGRAMS += proxy/qmpgated
proxy_qmpgated_SOURCES = proxy/main.c
proxy_qmpgated_LDADD = \
    proxy/libproxy.a conf/libconf.a audit/libaudit.a acl/libacl.a auth/libauth.a net/libnet.a \
    qmp/libqmpcore.a base/libbase.a \
    $(EVENT_LIBS) $(GNUTLS_LIBS) $(CONFUSE_LIBS) $(JSON_C_LIBS) $(SYSTEMD_LIBS)
