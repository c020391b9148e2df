#include "config.h"
#include "libqmp/libvirt.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/limits.h"
#include "base/mem.h"
#include "base/thread.h"
#include "libqmp/libvirt_api.h"
#include "libqmp/limits.h"
#include "net/stream_ops.h"
#include "qmp/message.h"
#include "qmp/scan.h"
#include "qmp/uri.h"
#include "qmp/write.h"

static const struct qmp_scan_limits limits = {
    .max_bytes = LIMIT_API_TEXT_BYTES,
    .max_depth = LIMIT_API_LINE_DEPTH,
    .max_tokens = LIMIT_API_TOKENS,
};

/* Between the stream, the thread that makes calls, and libvirt's callbacks; the last frees it. */
struct link {
    _Atomic unsigned refs;
    const struct libvirt_api *api;
    char *vm;  /* name or UUID */
    char *uri; /* NULL: libvirt's choice */

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t wake;
    struct buf requests; /* lines */
    struct buf answers;  /* messages */
    int readable; /* eventfd, a copy of the stream's; set while there are answers, or it ended */
    bool greeted; /* events may come */
    bool closed;  /* nobody is at the other end any more */
    char *ended;  /* why */
};

struct libvirt_stream {
    struct stream base;
    struct link *link;
};

/* --- the link --------------------------------------------------------------------------------- */

static void unref(struct link *l)
{
    if (atomic_fetch_sub(&l->refs, 1) != 1)
        return;
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    buf_free(&l->requests);
    buf_free(&l->answers);
    close(l->readable);
    free(l->vm);
    free(l->uri);
    free(l->ended);
    free(l);
}

static void unref_opaque(void *opaque)
{
    unref(opaque);
}

static struct link *ref(struct link *l)
{
    atomic_fetch_add(&l->refs, 1);
    return l;
}

/* Under the lock. */
static void set_readable(struct link *l)
{
    uint64_t one = 1;
    while (write(l->readable, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void end(struct link *l, const char *what, const char *why)
{
    pthread_mutex_lock(&l->lock);
    if (!l->ended) {
        l->ended = mem_printf("%s%s%s", what, *what && *why ? ": " : "", why);
        set_readable(l);
        pthread_cond_signal(&l->wake);
    }
    pthread_mutex_unlock(&l->lock);
}

static void end_by_libvirt(struct link *l, const char *what)
{
    end(l, what, l->api->virGetLastErrorMessage());
}

static void tell(struct link *l, const struct buf *message)
{
    pthread_mutex_lock(&l->lock);
    if (!l->ended && !l->closed) {
        buf_add(&l->answers, buf_data(message), buf_len(message));
        set_readable(l);
    }
    pthread_mutex_unlock(&l->lock);
}

/* The next line, owned; NULL when it is over. */
static char *wait_request(struct link *l)
{
    char *line = NULL;
    pthread_mutex_lock(&l->lock);
    for (;;) {
        size_t len = buf_len(&l->requests);
        const char *feed = len ? memchr(buf_data(&l->requests), '\n', len) : NULL;
        if (l->closed || l->ended)
            break;
        if (feed) {
            size_t n = (size_t)(feed - buf_data(&l->requests));
            line = mem_strndup(buf_data(&l->requests), n);
            buf_consume(&l->requests, n + 1);
            break;
        }
        pthread_cond_wait(&l->wake, &l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return line;
}

/* --- calls ------------------------------------------------------------------------------------ */

/* Certain not to have been sent is only what libvirt says before it writes to the monitor. */
static bool was_not_sent(const virError *e)
{
    if (!e)
        return false;
    switch (e->code) {
    case VIR_ERR_NO_DOMAIN:
    case VIR_ERR_OPERATION_DENIED:
    case VIR_ERR_ACCESS_DENIED:
    case VIR_ERR_NO_SUPPORT:
    case VIR_ERR_NO_CONNECT:
        return true;
    case VIR_ERR_OPERATION_INVALID:
    case VIR_ERR_OPERATION_TIMEOUT:
        return e->domain == VIR_FROM_QEMU;
    default:
        return false;
    }
}

static void tell_error(struct link *l, struct span id, const char *why)
{
    CLEANUP_BUF struct buf out = { 0 };
    CLEANUP_FREE char *desc = mem_printf("%s: the command was not run", why);
    qmp_write_error(&out, QMP_ERROR_GENERIC, (struct span){ desc, strlen(desc) }, id);
    tell(l, &out);
}

/* The VM's reply with the id that was asked for, in place of libvirt's own. */
static void tell_reply(struct link *l, struct span id, const char *reply)
{
    CLEANUP_BUF struct buf out = { 0 };
    struct qmp_answer answer;
    struct span text = { reply, strcspn(reply, "\r\n") };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, text);
    const struct qmp_tape *t = scanner ? qmp_scanner_tape(scanner) : NULL;
    bool good = t && qmp_answer_parse(t, QMP_UNKNOWN_IGNORED, &answer, NULL) == 0;
    if (good && answer.kind == QMP_ANSWER_RETURN)
        qmp_write_return(&out, qmp_tape_raw(t, answer.body), id);
    else if (good && answer.kind == QMP_ANSWER_ERROR)
        qmp_write_error_object(&out, qmp_tape_raw(t, answer.body), id);
    else
        end(l, "", "libvirt passed on what is no reply of QMP");
    qmp_scanner_free(scanner);
    tell(l, &out);
}

static void make_call(struct link *l, virDomainPtr domain, const struct qmp_tape *t,
                      const struct qmp_request *request, struct span id)
{
    CLEANUP_BUF struct buf text = { 0 };
    CLEANUP_FREE char *reply = NULL;
    qmp_write_request(&text, t, request, 0);
    /* without its line feed */
    CLEANUP_FREE char *command = mem_strndup(buf_data(&text), buf_len(&text) - 1);
    if (request->oob)
        tell_error(l, id, "there is nothing out of band by way of libvirt");
    else if (buf_len(&text) > LIMIT_LIBVIRT_REQUEST)
        tell_error(l, id, "the command is too long for libvirt");
    else if (l->api->virDomainQemuMonitorCommand(domain, command, &reply, 0) == 0)
        tell_reply(l, id, reply);
    else if (was_not_sent(l->api->virGetLastError()))
        tell_error(l, id, l->api->virGetLastErrorMessage());
    else
        end_by_libvirt(l, "libvirt");
}

/* libvirt has negotiated already. */
static void answer_negotiation(struct link *l, struct span id)
{
    CLEANUP_BUF struct buf out = { 0 };
    qmp_write_return(&out, SPAN_LIT("{}"), id);
    tell(l, &out);
}

static void run_request(struct link *l, virDomainPtr domain, const char *line)
{
    struct qmp_request request;
    struct span text = { line, strlen(line) };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, text);
    const struct qmp_tape *t = scanner ? qmp_scanner_tape(scanner) : NULL;
    if (!t || qmp_request_parse(t, &request, NULL) < 0) {
        end(l, "", "what was to be sent is no request of QMP");
    } else {
        struct span id = qmp_tape_raw(t, request.id);
        if (qmp_tape_string_is(t, request.command, SPAN_LIT("qmp_capabilities")))
            answer_negotiation(l, id);
        else
            make_call(l, domain, t, &request, id);
    }
    qmp_scanner_free(scanner);
}

/* --- events ----------------------------------------------------------------------------------- */

static void on_event(virConnectPtr conn, virDomainPtr domain, const char *name, long long seconds,
                     unsigned micros, const char *details, void *opaque)
{
    CLEANUP_BUF struct buf out = { 0 };
    struct link *l = opaque;
    (void)conn, (void)domain;
    BUF_ADD_LIT(&out, "{\"event\":");
    buf_add_json_string(&out, name, strlen(name));
    if (details) {
        BUF_ADD_LIT(&out, ",\"data\":");
        buf_add_str(&out, details);
    }
    buf_printf(&out, ",\"timestamp\":{\"seconds\":%lld,\"microseconds\":%u}}\n", seconds, micros);
    pthread_mutex_lock(&l->lock);
    bool greeted = l->greeted;
    pthread_mutex_unlock(&l->lock);
    if (greeted)
        tell(l, &out);
}

/* It may start anew, and would be another VM then: whoever wants that opens another session. */
static int on_lifecycle(virConnectPtr conn, virDomainPtr domain, int event, int detail,
                        void *opaque)
{
    (void)conn, (void)domain, (void)detail;
    if (event == VIR_DOMAIN_EVENT_STOPPED)
        end(opaque, "", "the VM has stopped");
    return 0;
}

/* --- the thread ------------------------------------------------------------------------------- */

static void keep_quiet(void *opaque, virErrorPtr error)
{
    (void)opaque, (void)error;
}

static virDomainPtr find_domain(struct link *l, virConnectPtr conn)
{
    virDomainPtr domain = l->api->virDomainLookupByName(conn, l->vm);
    if (domain || strlen(l->vm) != VIR_UUID_STRING_BUFLEN - 1)
        return domain;
    return l->api->virDomainLookupByUUIDString(conn, l->vm);
}

static bool greet(struct link *l, virDomainPtr domain)
{
    CLEANUP_BUF struct buf out = { 0 };
    CLEANUP_FREE char *reply = NULL;
    struct qmp_answer answer;
    if (l->api->virDomainQemuMonitorCommand(domain, "{\"execute\":\"query-version\"}", &reply, 0) <
        0) {
        end_by_libvirt(l, "libvirt");
        return false;
    }
    struct span text = { reply, strcspn(reply, "\r\n") };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, text);
    const struct qmp_tape *t = scanner ? qmp_scanner_tape(scanner) : NULL;
    bool good = t && qmp_answer_parse(t, QMP_UNKNOWN_IGNORED, &answer, NULL) == 0 &&
                answer.kind == QMP_ANSWER_RETURN;
    if (good) {
        BUF_ADD_LIT(&out, "{\"QMP\": {\"version\": ");
        buf_add_span(&out, qmp_tape_raw(t, answer.body));
        BUF_ADD_LIT(&out, ", \"capabilities\": []}}\n");
        tell(l, &out);
        pthread_mutex_lock(&l->lock);
        l->greeted = true;
        pthread_mutex_unlock(&l->lock);
    } else {
        end(l, "", "libvirt passed on what is no reply of QMP");
    }
    qmp_scanner_free(scanner);
    return good;
}

static void serve(struct link *l, virDomainPtr domain)
{
    char *line;
    if (!greet(l, domain))
        return;
    while ((line = wait_request(l))) {
        run_request(l, domain, line);
        free(line);
    }
}

/* With its events, from before the greeting on. */
static void serve_domain(struct link *l, virConnectPtr conn, virDomainPtr domain)
{
    int events = l->api->virConnectDomainQemuMonitorEventRegister(conn, domain, NULL, on_event,
                                                                  ref(l), unref_opaque, 0);
    int lifecycle = events < 0 ? -1
                               : l->api->virConnectDomainEventRegisterAny(
                                     conn, domain, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                     VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), ref(l), unref_opaque);
    if (events < 0 || lifecycle < 0) {
        end_by_libvirt(l, "no events can be had of libvirt");
        unref(l); /* what did not come to be registered */
    } else {
        serve(l, domain);
    }
    if (lifecycle >= 0)
        l->api->virConnectDomainEventDeregisterAny(conn, lifecycle);
    if (events >= 0)
        l->api->virConnectDomainQemuMonitorEventDeregister(conn, events);
}

static void *run(void *opaque)
{
    struct link *l = opaque;
    virConnectPtr conn = l->api->virConnectOpen(l->uri);
    virDomainPtr domain = NULL;
    if (conn) {
        l->api->virConnSetErrorFunc(conn, NULL, keep_quiet);
        l->api->virConnectSetKeepAlive(conn, LIMIT_KEEPALIVE_SECONDS, LIMIT_KEEPALIVE_COUNT);
        domain = find_domain(l, conn);
    }
    if (!domain) {
        end_by_libvirt(l, conn ? "libvirt" : "cannot connect to libvirt");
    } else {
        serve_domain(l, conn, domain);
        l->api->virDomainFree(domain);
    }
    if (conn)
        l->api->virConnectClose(conn);
    end(l, "", "the session is over");
    unref(l);
    return NULL;
}

static bool start_thread(struct link *l)
{
    pthread_t thread;
    if (thread_start(&thread, run, ref(l)) != 0) {
        unref(l);
        return false;
    }
    pthread_setname_np(thread, "libqmp-libvirt");
    pthread_detach(thread);
    return true;
}

/* --- the operations of a stream --------------------------------------------------------------- */

static struct link *link_of(const struct stream *s)
{
    return container_of(s, struct libvirt_stream, base)->link;
}

static enum stream_status libvirt_handshake(struct stream *s, struct error *err)
{
    (void)s, (void)err;
    return STREAM_OK;
}

static enum stream_status libvirt_read(struct stream *s, void *data, size_t len, size_t *n,
                                       struct error *err)
{
    struct link *l = link_of(s);
    enum stream_status status = STREAM_OK;
    uint64_t count;
    pthread_mutex_lock(&l->lock);
    if (buf_len(&l->answers) > 0) {
        *n = buf_len(&l->answers) < len ? buf_len(&l->answers) : len;
        memcpy(data, buf_data(&l->answers), *n);
        buf_consume(&l->answers, *n);
    } else if (l->ended) {
        error_set(err, ERROR_PEER, "%s", l->ended);
        status = STREAM_FAILED;
    } else {
        status = STREAM_WANT_READ;
    }
    if (buf_len(&l->answers) == 0 && !l->ended && read(l->readable, &count, sizeof(count)) < 0)
        (void)count; /* it was not set */
    pthread_mutex_unlock(&l->lock);
    return status;
}

static enum stream_status libvirt_write(struct stream *s, const void *data, size_t len, size_t *n,
                                        struct error *err)
{
    struct link *l = link_of(s);
    (void)err;
    pthread_mutex_lock(&l->lock);
    buf_add(&l->requests, data, len);
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    *n = len;
    return STREAM_OK;
}

static size_t libvirt_pending(const struct stream *s)
{
    (void)s;
    return 0; /* the descriptor tells */
}

static void libvirt_shutdown(struct stream *s)
{
    struct link *l = link_of(s);
    pthread_mutex_lock(&l->lock);
    l->closed = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

static struct tls_session *libvirt_tls(struct stream *s)
{
    (void)s;
    return NULL;
}

/* A call that hangs keeps its thread, and the link, until it ends. */
static void libvirt_free(struct stream *s)
{
    libvirt_shutdown(s);
    unref(link_of(s));
    free(container_of(s, struct libvirt_stream, base));
}

static const struct stream_ops libvirt_ops = {
    .handshake = libvirt_handshake,
    .read = libvirt_read,
    .write = libvirt_write,
    .pending = libvirt_pending,
    .shutdown = libvirt_shutdown,
    .tls = libvirt_tls,
    .free = libvirt_free,
};

/* --- opening ---------------------------------------------------------------------------------- */

static struct link *link_new(const struct libvirt_api *api, char *take_vm, const char *uri, int fd)
{
    struct link *l = MEM_NEW(struct link);
    atomic_store(&l->refs, 1);
    l->api = api;
    l->vm = take_vm;
    l->uri = uri && *uri ? mem_strdup(uri) : NULL;
    l->readable = fd;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, NULL);
    return l;
}

static int parse(const char *text, char **vm, const char **uri, struct error *err)
{
    size_t n = strcspn(text, "?");
    *uri = text[n] == '?' ? text + n + 1 : NULL;
    if (*uri && strncmp(*uri, "uri=", 4) != 0)
        return error_set(err, ERROR_INVALID, "after ? only uri= is known: libvirt:VM?uri=URI");
    *uri = *uri ? *uri + 4 : NULL;
    return uri_parse_vm((struct span){ text, n }, vm, err);
}

int libvirt_stream_new(const char *text, struct stream **out, struct error *err)
{
    const struct libvirt_api *api;
    const char *uri;
    CLEANUP_FREE char *vm = NULL;
    int rc = parse(text, &vm, &uri, err);
    if (rc == 0)
        rc = libvirt_api_get(&api, err);
    if (rc < 0)
        return rc;
    CLEANUP_FD int ours = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CLEANUP_FD int theirs = ours < 0 ? -1 : fcntl(ours, F_DUPFD_CLOEXEC, 3);
    if (theirs < 0)
        return error_set_errno(err, "no descriptor for libvirt's answers");
    struct link *l = link_new(api, TAKE_PTR(vm), uri, TAKE_FD(theirs));
    if (!start_thread(l)) {
        unref(l);
        return error_set(err, ERROR_SYSTEM, "no thread for calls to libvirt can be started");
    }
    struct libvirt_stream *s = MEM_NEW(struct libvirt_stream);
    stream_init(&s->base, &libvirt_ops, TAKE_FD(ours));
    s->link = l;
    *out = &s->base;
    return 0;
}
