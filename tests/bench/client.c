#include "config.h"
#include "tests/bench/load.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (64u << 10)

static void watch(struct client *c, uint32_t events, bool known)
{
    struct epoll_event e = { .events = events, .data.ptr = c };
    if (epoll_ctl(c->load->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &e) < 0)
        die("epoll_ctl: %s", strerror(errno));
}

static void want_write(struct client *c, bool on)
{
    if (c->wants_write != on)
        watch(c, on ? EPOLLIN | EPOLLOUT : EPOLLIN, true);
    c->wants_write = on;
}

/* --- output ----------------------------------------------------------------------------------- */

static void flush(struct client *c)
{
    while (buf_len(&c->out) > 0) {
        long n = transport_write(c, buf_data(&c->out), buf_len(&c->out));
        if (n < 0)
            break;
        buf_consume(&c->out, (size_t)n);
    }
    if (c->load->options.mode == MODE_IDLE)
        buf_trim(&c->out, 0);
    want_write(c, buf_len(&c->out) > 0);
}

/* As Python's client writes it: with white space, and a line's end. */
static void add_command(struct client *c, const char *name)
{
    BUF_ADD_LIT(&c->out, "{\"execute\": \"");
    buf_add_str(&c->out, name);
    buf_add_char(&c->out, '"');
    if (c->load->options.id_digits > 0) {
        uint64_t id = 1;
        for (long i = 1; i < c->load->options.id_digits; i++)
            id *= 10;
        BUF_ADD_LIT(&c->out, ", \"id\": ");
        buf_add_uint(&c->out, id + ++c->load->number % id);
    }
    BUF_ADD_LIT(&c->out, "}\r\n");
}

static void fill(struct client *c)
{
    uint64_t now = now_ns();
    while (c->sent - c->answered < (uint64_t)c->load->options.depth) {
        c->began[c->sent++ % DEPTH_MAX] = now;
        add_command(c, c->load->options.command);
    }
}

/* --- input ------------------------------------------------------------------------------------ */

static void answered(struct client *c, const char *line, size_t len)
{
    struct load *l = c->load;
    if (c->sent == c->answered)
        die("an answer to nothing: %.*s", (int)len, line);
    uint64_t ns = now_ns() - c->began[c->answered++ % DEPTH_MAX];
    if (strncmp(line, "{\"return\"", 9) != 0)
        l->results.errors++;
    if (l->measuring) {
        uint64_t step = ns / HISTOGRAM_STEP_NS;
        l->results.done++;
        l->results.histogram[step < HISTOGRAM_STEPS ? step : HISTOGRAM_STEPS - 1]++;
    }
}

static void became_ready(struct client *c)
{
    struct load *l = c->load;
    c->state = CLIENT_READY;
    l->n_connecting--;
    l->n_ready++;
    if (c->ssl && !l->results.tls[0])
        transport_describe(c, l->results.tls, sizeof(l->results.tls));
}

static void handle_line(struct client *c, const char *line, size_t len)
{
    if (strncmp(line, "{\"timestamp\"", 12) == 0)
        return;
    if (c->state == CLIENT_GREETING) {
        if (strncmp(line, "{\"QMP\"", 6) != 0)
            die("no greeting: %.*s", (int)len, line);
        c->state = CLIENT_NEGOTIATE;
        add_command(c, "qmp_capabilities");
    } else if (c->state == CLIENT_NEGOTIATE) {
        if (strncmp(line, "{\"return\"", 9) != 0)
            die("negotiation failed: %.*s", (int)len, line);
        became_ready(c);
    } else {
        answered(c, line, len);
    }
}

static void handle_input(struct client *c)
{
    for (;;) {
        char *line = buf_data(&c->in);
        char *end = buf_len(&c->in) ? memchr(line, '\n', buf_len(&c->in)) : NULL;
        if (!end)
            return;
        handle_line(c, line, (size_t)(end - line));
        buf_consume(&c->in, (size_t)(end - line) + 1);
        if (c->load->options.mode == MODE_IDLE)
            buf_trim(&c->in, 0);
    }
}

static void read_all(struct client *c)
{
    static char scratch[READ_BYTES]; /* one thread; an idle client keeps no buffer */
    long n;
    do {
        n = transport_read(c, scratch, sizeof(scratch));
        if (n == 0)
            die("the server closed a connection in state %d: %.*s", (int)c->state,
                (int)buf_len(&c->in), buf_data(&c->in));
        if (n > 0)
            buf_add(&c->in, scratch, (size_t)n);
    } while (n > 0);
    handle_input(c);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void handshake(struct client *c)
{
    int n = SSL_do_handshake(c->ssl);
    if (n != 1) {
        int e = SSL_get_error(c->ssl, n);
        if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
            die("the TLS handshake failed");
        want_write(c, e == SSL_ERROR_WANT_WRITE);
        return;
    }
    want_write(c, false);
    c->state = c->load->options.mode == MODE_HANDSHAKES ? CLIENT_PROOF : CLIENT_GREETING;
}

/* In TLS 1.3 a client is done before the server has looked at its certificate. What the server says
 * next, a ticket or the greeting, is the proof that it was accepted. */
static void await_proof(struct client *c)
{
    struct load *l = c->load;
    char byte;
    uint64_t before = BIO_number_read(SSL_get_rbio(c->ssl));
    long n = transport_read(c, &byte, 1);
    if (n < 0 && BIO_number_read(SSL_get_rbio(c->ssl)) == before)
        return;
    if (n == 0)
        die("the server closed a connection after the handshake");
    if (!l->results.tls[0])
        transport_describe(c, l->results.tls, sizeof(l->results.tls));
    if (l->measuring) {
        uint64_t step = (now_ns() - c->began[0]) / HISTOGRAM_STEP_NS;
        l->results.done++;
        l->results.histogram[step < HISTOGRAM_STEPS ? step : HISTOGRAM_STEPS - 1]++;
    }
    client_stop(c);
    l->n_connecting--;
    client_start(c);
}

static void connected(struct client *c)
{
    int e = 0;
    socklen_t len = sizeof(e);
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &len);
    if (e)
        die("connect: %s", strerror(e));
    transport_new_ssl(c);
    c->state = CLIENT_HANDSHAKE;
}

void client_start(struct client *c)
{
    struct load *l = c->load;
    c->began[0] = now_ns();
    c->fd = transport_connect(l, c->vm);
    c->state = l->tls ? CLIENT_CONNECTING : CLIENT_GREETING;
    c->wants_write = l->tls != NULL;
    l->n_connecting++;
    watch(c, c->wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN, false);
}

void client_stop(struct client *c)
{
    if (c->state == CLIENT_FREE)
        return;
    if (c->ssl) {
        SSL_set_quiet_shutdown(c->ssl, 1);
        SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
    }
    /* a reset rather than a port in TIME_WAIT for each of thousands of handshakes */
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 },
               sizeof(struct linger));
    close(c->fd);
    c->ssl = NULL;
    c->fd = -1;
    c->state = CLIENT_FREE;
    buf_free(&c->in);
    buf_free(&c->out);
}

void client_begin(struct client *c)
{
    fill(c);
    flush(c);
}

void client_ready(struct client *c, uint32_t events)
{
    if (c->state == CLIENT_CONNECTING)
        connected(c);
    if (c->state == CLIENT_HANDSHAKE)
        handshake(c);
    if (c->state == CLIENT_PROOF) {
        await_proof(c);
        return;
    }
    if (c->state < CLIENT_GREETING)
        return;
    read_all(c);
    if (c->state == CLIENT_READY && c->sent > 0)
        fill(c);
    flush(c);
}
