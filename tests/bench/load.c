#include "config.h"
#include "tests/bench/load.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "base/mem.h"

#define EVENTS_A_TURN 64
#define NS_PER_SEC    1000000000ull
#define CONNECT_LIMIT \
    (120 * NS_PER_SEC) /* a server that has not let everyone in by then will not */

void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("load: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void turn(struct load *l, int timeout_ms)
{
    struct epoll_event events[EVENTS_A_TURN];
    int n = epoll_wait(l->epoll, events, EVENTS_A_TURN, timeout_ms);
    if (n < 0 && errno != EINTR)
        die("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < n; i++)
        client_ready(events[i].data.ptr, events[i].events);
}

static void run_for(struct load *l, double seconds)
{
    uint64_t end = now_ns() + (uint64_t)(seconds * (double)NS_PER_SEC), now;
    while ((now = now_ns()) < end)
        turn(l, (int)((end - now) / 1000000) + 1);
}

/* All clients in, but only so many handshakes at a time. */
static void connect_all(struct load *l)
{
    uint64_t give_up = now_ns() + CONNECT_LIMIT;
    while (l->n_ready < l->options.clients) {
        while (l->next_to_start < l->options.clients &&
               l->n_connecting < l->options.handshakes_at_once)
            client_start(&l->clients[l->next_to_start++]);
        turn(l, 1000);
        if (now_ns() > give_up)
            die("only %ld of %ld clients are in", l->n_ready, l->options.clients);
    }
}

/* --- results ---------------------------------------------------------------------------------- */

static double percentile_us(const struct load_results *r, double part)
{
    uint64_t seen = 0, wanted = (uint64_t)((double)r->done * part);
    for (unsigned i = 0; i < HISTOGRAM_STEPS; i++) {
        seen += r->histogram[i];
        if (seen > wanted)
            return ((double)i + 0.5) * HISTOGRAM_STEP_NS / 1000;
    }
    return (double)HISTOGRAM_STEPS * HISTOGRAM_STEP_NS / 1000;
}

static void print_results(const struct load_results *r, double seconds)
{
    printf(
        "{\"done\": %llu, \"errors\": %llu, \"seconds\": %.3f, \"rate\": %.1f, \"p50_us\": %.1f, "
        "\"p99_us\": %.1f, \"tls\": \"%s\"}\n",
        (unsigned long long)r->done, (unsigned long long)r->errors, seconds,
        (double)r->done / seconds, percentile_us(r, 0.5), percentile_us(r, 0.99), r->tls);
}

/* The measured time; "begin" and "end" let whoever started us look at the server's own clock. */
static void measure(struct load *l)
{
    run_for(l, l->options.warmup_seconds);
    puts("begin");
    fflush(stdout);
    uint64_t began = now_ns();
    l->measuring = true;
    run_for(l, l->options.seconds);
    l->measuring = false;
    double seconds = (double)(now_ns() - began) / (double)NS_PER_SEC;
    puts("end");
    fflush(stdout);
    print_results(&l->results, seconds);
}

/* --- modes ------------------------------------------------------------------------------------ */

static void run_commands(struct load *l)
{
    connect_all(l);
    for (long i = 0; i < l->options.clients; i++) {
        l->clients[i].sent = l->clients[i].answered = 0;
        client_begin(&l->clients[i]);
    }
    measure(l);
}

static void run_handshakes(struct load *l)
{
    for (long i = 0; i < l->options.clients; i++)
        client_start(&l->clients[i]);
    measure(l);
}

static void run_idle(struct load *l)
{
    char byte;
    connect_all(l);
    puts("idle");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
}

static void raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

int main(int argc, char **argv)
{
    static void (*const modes[])(struct load *) = {
        [MODE_COMMANDS] = run_commands,
        [MODE_HANDSHAKES] = run_handshakes,
        [MODE_IDLE] = run_idle,
    };
    struct load l = { 0 };
    load_options_parse(argc, argv, &l.options);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    if (l.options.port > 0)
        l.tls = transport_new_tls(&l.options);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    l.results.histogram = mem_zalloc_array(HISTOGRAM_STEPS, sizeof(uint32_t));
    l.clients = MEM_NEW_N(struct client, (size_t)l.options.clients);
    for (long i = 0; i < l.options.clients; i++)
        l.clients[i] = (struct client){ .load = &l, .fd = -1, .vm = (unsigned)(i % l.options.vms) };
    modes[l.options.mode](&l);
    for (long i = 0; i < l.options.clients; i++)
        client_stop(&l.clients[i]);
    SSL_CTX_free(l.tls);
    free(l.results.histogram);
    free(l.clients);
    close(l.epoll);
    return l.results.errors ? 1 : 0;
}
