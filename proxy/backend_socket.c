/* A VM's monitor on a UNIX socket, or on loopback TCP. */
#include "config.h"
#include "proxy/backend.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/random.h"
#include "net/address.h"
#include "net/stream.h"
#include "proxy/loop.h"
#include "proxy/monitor.h"
#include "proxy/snapshot.h"
#include "proxy/vms.h"
#include "qmp/frame.h"
#include "qmp/write.h"

#define READS_A_TURN   4
#define OUT_KEEP_BYTES 8192

struct backend {
    struct monitor *monitor; /* NULL once closed */
    struct loop *loop;
    struct stream *stream;
    struct event read_event, write_event;
    bool connecting, greeted, busy;
    uint32_t first_id; /* of our first request; 0: it was answered, and the VM is ours */
    unsigned n_others; /* answers to whoever had it before us */
    struct buf in, out;
    int64_t deaf_since_us;     /* monotonic, of the first write that failed; 0: none did */
    char deaf[ERROR_TEXT_MAX]; /* why it failed */
    struct qmp_framer framer;
    struct qmp_scanner *scanner;
};

static void release(struct backend *b)
{
    stream_free(b->stream);
    qmp_scanner_free(b->scanner);
    buf_free(&b->in);
    buf_free(&b->out);
    free(b);
}

/* --- output ----------------------------------------------------------------------------------- */

static void submit(struct backend *b, const struct qmp_tape *tape,
                   const struct qmp_request *request, unsigned id)
{
    qmp_write_request(&b->out, tape, request, b->first_id ? b->first_id : id);
}

static void lose(struct backend *b, enum audit_code code, const char *why)
{
    if (b->monitor)
        monitor_lost(b->monitor, code, why);
}

/* What it sent before it went (the reply to `quit`, say) is read before it is given up. */
static void go_deaf(struct backend *b, const struct error *err)
{
    b->deaf_since_us = clock_monotonic_us();
    memcpy(b->deaf, err->text, sizeof(b->deaf));
    buf_clear(&b->out);
    event_active(&b->read_event, EV_READ, 0);
}

static void flush(struct backend *b)
{
    struct error err;
    size_t n;
    while (!b->connecting && !b->deaf_since_us && buf_len(&b->out)) {
        enum stream_status st =
            stream_write(b->stream, buf_data(&b->out), buf_len(&b->out), &n, &err);
        if (st == STREAM_OK) {
            buf_consume(&b->out, n);
        } else if (st == STREAM_WANT_WRITE) {
            event_add(&b->write_event, NULL);
            return;
        } else {
            go_deaf(b, &err);
            return;
        }
    }
    buf_trim(&b->out, OUT_KEEP_BYTES);
}

/* --- input ------------------------------------------------------------------------------------ */

/* The id of our first request, which the monitor knows without one: from here on all is ours. */
static bool is_first(struct backend *b, const struct qmp_tape *t, struct qmp_answer *answer)
{
    int64_t id;
    if (!b->greeted || answer->id == QMP_NONE || !qmp_tape_int64(t, answer->id, &id) ||
        id != b->first_id)
        return false;
    b->first_id = 0;
    answer->id = QMP_NONE;
    return true;
}

/* What the client before us did not wait for QEMU 7.2 gives to us, behind its greeting or before.
 */
static bool is_anothers(struct backend *b, const struct qmp_tape *t, struct qmp_answer *answer)
{
    bool is_reply = answer->kind == QMP_ANSWER_RETURN || answer->kind == QMP_ANSWER_ERROR;
    return is_reply && b->first_id && !is_first(b, t, answer) &&
           b->n_others++ < LIMIT_OTHERS_REPLIES;
}

static void take_message(struct backend *b)
{
    struct qmp_answer answer;
    struct error err;
    const struct qmp_tape *t = qmp_scanner_tape(b->scanner);
    if (qmp_answer_parse(t, QMP_UNKNOWN_REFUSED, &answer, &err) < 0) {
        lose(b, AUDIT_CODE_VM_PROTOCOL, err.text);
    } else if (is_anothers(b, t, &answer)) {
        return;
    } else if (b->greeted) {
        monitor_message(b->monitor, t, &answer);
    } else if (answer.kind == QMP_ANSWER_GREETING) {
        b->greeted = true;
        monitor_greeted(b->monitor, t, &answer);
    } else {
        lose(b, AUDIT_CODE_VM_PROTOCOL, "it did not begin with a QMP greeting");
    }
}

/* Takes what is whole of data[0..len); the bytes done with. */
static size_t take_input(struct backend *b, const char *data, size_t len)
{
    size_t done = 0;
    while (b->monitor && done < len) {
        size_t n = 0;
        enum qmp_frame_status st =
            qmp_framer_next(&b->framer, b->scanner, data + done, len - done, &n);
        if (st == QMP_FRAME_MESSAGE) {
            take_message(b);
        } else if (st != QMP_FRAME_MORE) {
            struct error err;
            error_set(&err, ERROR_PEER, "it sent what is not QMP: %s", b->framer.fault.text);
            lose(b, AUDIT_CODE_VM_PROTOCOL, err.text);
        }
        done += n;
        if (st == QMP_FRAME_MORE)
            break;
    }
    return done;
}

static void handle_input(struct backend *b, const char *data, size_t len)
{
    if (buf_len(&b->in)) {
        buf_add(&b->in, data, len);
        buf_consume(&b->in, take_input(b, buf_data(&b->in), buf_len(&b->in)));
        buf_trim(&b->in, LOOP_READ_BYTES);
    } else {
        size_t n = take_input(b, data, len);
        if (n < len && b->monitor)
            buf_add(&b->in, data + n, len - n);
    }
}

/* Read to the end of what there is: a command that it does not take will never be answered. */
static void give_up(struct backend *b)
{
    if (b->deaf_since_us)
        lose(b, AUDIT_CODE_VM_LOST, b->deaf);
}

static void read_some(struct backend *b)
{
    struct error err;
    size_t n;
    for (int i = 0; i < READS_A_TURN && b->monitor; i++) {
        switch (stream_read(b->stream, b->loop->read_bytes, LOOP_READ_BYTES, &n, &err)) {
        case STREAM_OK:
            handle_input(b, b->loop->read_bytes, n);
            if (n < LOOP_READ_BYTES && !b->deaf_since_us)
                return;
            break;
        case STREAM_WANT_READ:
        case STREAM_WANT_WRITE:
            give_up(b);
            return;
        case STREAM_EOF:
            if (b->greeted)
                lose(b, AUDIT_CODE_VM_LOST, "it closed its monitor");
            else
                lose(b, AUDIT_CODE_VM_UNREACHABLE, "it closed the connection before its greeting");
            return;
        case STREAM_FAILED:
            lose(b, AUDIT_CODE_VM_LOST, err.text);
            return;
        }
    }
    if (b->deaf_since_us && clock_monotonic_us() - b->deaf_since_us > LIMIT_DEAF_MS * USEC_PER_MSEC)
        give_up(b);
}

/* While `busy`, a close from within leaves the memory to us. */
static void guarded(struct backend *b, void (*work)(struct backend *b))
{
    b->busy = true;
    work(b);
    b->busy = false;
    if (!b->monitor)
        release(b);
}

static void on_readable(evutil_socket_t fd, short what, void *opaque)
{
    (void)fd, (void)what;
    guarded(opaque, read_some);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void finish_connecting(struct backend *b)
{
    struct error err;
    if (connect_result(stream_fd(b->stream), &err) < 0) {
        error_prefix(&err, "cannot connect to its monitor");
        lose(b, AUDIT_CODE_VM_UNREACHABLE, err.text);
        return;
    }
    b->connecting = false;
    flush(b);
}

static void on_writable(evutil_socket_t fd, short what, void *opaque)
{
    struct backend *b = opaque;
    (void)fd, (void)what;
    guarded(b, b->connecting ? finish_connecting : flush);
}

/* A socket that somebody else could have put there is not the VM's. */
static int check_owner(const struct vm *vm, struct error *err)
{
    struct vm_socket now;
    if (vm_socket_look(AT_FDCWD, vm->socket, &now) < 0)
        return error_set_errno(err, "cannot reach its socket");
    if (vm->from_directory && !S_ISSOCK(now.mode))
        return error_set(err, ERROR_DENIED, "its socket is not a socket (links are not followed)");
    if (vm->from_directory && !vm_socket_same(&now, &vm->at))
        return error_set(err, ERROR_STATE, "another socket has just taken its place: try again");
    if (vm->n_owners == 0)
        return 0;
    for (size_t i = 0; i < vm->n_owners; i++) {
        if (vm->owner_uids[i] == now.owner)
            return 0;
    }
    return error_set(err, ERROR_DENIED,
                     "its socket belongs to a user who is not among the directory's owners");
}

static int start_connecting(const struct vm *vm, struct error *err)
{
    if (vm->socket) {
        int rc = check_owner(vm, err);
        return rc < 0 ? rc : connect_unix(vm->socket, err);
    }
    struct sockaddr_storage a;
    socklen_t len;
    int rc = address_parse(vm->address, vm->port, &a, &len, err);
    return rc < 0 ? rc : connect_tcp(&a, len, err);
}

static struct backend *open_socket(struct loop *loop, struct monitor *monitor, const struct vm *vm,
                                   struct error *err)
{
    int fd = start_connecting(vm, err);
    if (fd < 0)
        return NULL;
    struct qmp_scan_limits limits = {
        .max_bytes = loop->snapshot->conf->limits.reply_bytes,
        .max_depth = LIMIT_REPLY_DEPTH,
        .max_tokens = LIMIT_REPLY_TOKENS,
        .top_level_only = true,
        .one_line = true,
    };
    struct backend *b = MEM_NEW(struct backend);
    b->monitor = monitor;
    b->loop = loop;
    b->stream = stream_new_plain(fd);
    b->scanner = qmp_scanner_new(&limits);
    b->connecting = true;
    b->first_id = random_id();
    event_assign(&b->read_event, loop->base, fd, EV_READ | EV_PERSIST, on_readable, b);
    event_assign(&b->write_event, loop->base, fd, EV_WRITE, on_writable, b);
    event_add(&b->read_event, NULL);
    event_add(&b->write_event, NULL);
    return b;
}

static void close_socket(struct backend *b)
{
    event_del(&b->read_event);
    event_del(&b->write_event);
    b->monitor = NULL;
    if (!b->busy)
        release(b);
}

const struct backend_ops backend_socket = {
    .name = "socket",
    .start_ms = LIMIT_GREETING_MS,
    .late = "the monitor is held by another client (no greeting within 2 s)",
    .late_code = AUDIT_CODE_VM_BUSY,
    .open = open_socket,
    .submit = submit,
    .flush = flush,
    .close = close_socket,
};
